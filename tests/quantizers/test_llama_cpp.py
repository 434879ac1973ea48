from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import QuantizerError
from calibset.quantizers.llama_cpp import LlamaCpp
from calibset.tokenizers import Tokenizer
from tests.quantizers.rows import EXACT, SEQLEN, fates

LLAMACPP = LlamaCpp()


def test_llama_cpp_reads_whole_chunks_of_what_is_joined(letters: Tokenizer) -> None:
    # BOS, 15 and 2 line ends, 15 and 2, 17: 52 tokens, of which 48 are three chunks.
    report = LLAMACPP.simulate([EXACT, EXACT, "x" * 16 + "</s>"], letters, nsamples=3, seqlen=SEQLEN)
    assert fates(report) == [(17, 0, None, True), (17, 0, None, True), (17, 4, None, True)]
    assert report.waste == 4 / 51
    assert report.warnings == (
        "1 of 3 rows hold control tokens, plain text without --parse-special",
        "2 tokens are replaced by BOS, one at the beginning of each chunk but the first",
    )
    report = LLAMACPP.simulate([EXACT, EXACT, "abc"], letters, nsamples=3, seqlen=SEQLEN)
    assert fates(report)[1:] == [
        (17, 3, None, True),
        (3, 3, "all of it comes after the last whole chunk", False),
    ]


def test_llama_cpp_needs_two_chunks(letters: Tokenizer) -> None:
    assert LLAMACPP.simulate(["a" * 31], letters, nsamples=1, seqlen=SEQLEN).fatal == ()
    assert LLAMACPP.simulate(["a" * 30], letters, nsamples=1, seqlen=SEQLEN).fatal == (
        "31 tokens in all, and chunks of 16 need 32",
    )


def test_llama_cpp_reads_a_text_file_as_one_row(letters: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a" * 20 + "\n\n" + "b" * 20 + "\n")
    report = LLAMACPP.simulate_file(tmp_path / "x.txt", letters, nsamples=7, seqlen=SEQLEN)
    # BOS and 42: 43 tokens, of which 32 are two chunks.
    assert fates(report) == [(42, 11, None, True)]
    assert (report.joined, report.nsamples, report.passed) == (True, 1, True)
    (tmp_path / "x.txt").write_bytes(b"\xff")
    with pytest.raises(QuantizerError, match=r"x\.txt: is not UTF-8 text$"):
        LLAMACPP.simulate_file(tmp_path / "x.txt", letters, nsamples=1, seqlen=SEQLEN)
    (tmp_path / "x.txt").unlink()
    with pytest.raises(QuantizerError, match=r"x\.txt: can't be read: No such file or directory$"):
        LLAMACPP.simulate_file(tmp_path / "x.txt", letters, nsamples=1, seqlen=SEQLEN)


@given(st.lists(st.text("ab é</s>\n", max_size=30), min_size=1, max_size=6))
def test_llama_cpp_counts_each_token_once(letters: Tokenizer, texts: list[str]) -> None:
    report = LLAMACPP.simulate(texts, letters, nsamples=1, seqlen=SEQLEN)
    whole = letters.encode("\n\n".join(texts), parse_special=True)
    assert sum(row.tokens for row in report.rows) == len(whole)
