from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from calibset.core.errors import TokenizerError
from calibset.tokenizers import engine_process
from calibset.tokenizers.engine_process import EngineProcess, is_plain
from calibset.tokenizers.huggingface import HuggingFaceTokenizer, from_file
from tests.letters import write_letters
from tests.prose import prose
from tests.tokenizer_families import FAMILIES, SETTINGS, Family

TEXTS = (prose(1), "Žltý kôň</s> <s>", "", "a  b\t\n\n", "保险合同 👩‍👧 \ud800", "<|im_start|>user\n")
SPLIT = r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PLAIN = (
    SPLIT, r"\s+", "[0-9][0-9][0-9]", " {2,}", r"\p{N}{1,3}", "[一-龥]+", "(?i:'s|'t)", "'(?:[sdmt]|ll|ve)",
    "",
    "[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\s*[\r\n]+", r"[\]a|b]+", r"\(|\)+",
)  # fmt: skip
OTHERS = (
    "(a+)+$", "a*b", "a?a?b", "(?:a|a)*", "(?:a|a)(?:a|a)b", r"(a)\1", "a{0,9}b", "(?=a*)b", r"\w*\w*",
    "a+" * 1_000, r"[\p{L}" * 40, r"[\p{L}\p{N}" + r"\p{L}" * 300,
    "[a[b]]+", "(?<x>a)", "a++", "(",
)  # fmt: skip


def splitting(folder: Path, pattern: str) -> HuggingFaceTokenizer:
    path = write_letters(folder)
    table = json.loads(path.read_text("utf-8"))
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    table["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, table["pre_tokenizer"]]}
    path.write_text(json.dumps(table), "utf-8")
    return from_file(path, "small")


@pytest.mark.parametrize("pattern", PLAIN)
def test_plain_patterns_are_known(pattern: str) -> None:
    assert is_plain(pattern)


@pytest.mark.parametrize("pattern", OTHERS)
def test_what_may_go_back_over_a_text_is_not_plain(pattern: str) -> None:
    assert not is_plain(pattern)


@pytest.mark.parametrize("family", [*FAMILIES, *SETTINGS], ids=lambda family: family.name)
def test_families_are_read_in_this_process(tmp_path: Path, family: Family) -> None:
    if "dropout" in family.name or "cut on the left" in family.name:
        pytest.skip("it is refused")
    assert from_file(family.build(tmp_path) / "tokenizer.json", "small").process is None


@pytest.mark.parametrize("family", FAMILIES[::4], ids=lambda family: family.name)
def test_another_process_reads_the_same(tmp_path: Path, family: Family) -> None:
    here = from_file(family.build(tmp_path) / "tokenizer.json", "small")
    there = replace(here, process=EngineProcess(here.parsing_engine, "small"))
    for text in TEXTS:
        for parse_special in (True, False):
            read = here.encode_with_ends(text, parse_special=parse_special)
            assert there.encode_with_ends(text, parse_special=parse_special) == read
            assert there.encode(text, parse_special=parse_special) == read.ids
            assert there.decode(read.ids) == here.decode(read.ids)
    assert (there.prefix, there.suffix) == (here.prefix, here.suffix)


def test_a_pattern_that_takes_for_ever_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_LIMITS", replace(engine_process._LIMITS, seconds=0.3))
    small = splitting(tmp_path, "(?:a|a){0,20}Z|a")
    assert small.encode("once", parse_special=True)
    for _ in range(2):
        with pytest.raises(TokenizerError) as caught:
            small.encode("a" * 200 + "bZ", parse_special=True)
        assert str(caught.value) == (
            "small: reading text with the patterns of its tokenizer.json takes over 0.3 s more than 0.05 s "
            "for each; use the one that the model was published with"
        )


def test_a_pattern_that_the_library_gives_up_is_an_error(tmp_path: Path) -> None:
    small = splitting(tmp_path, "(a+)+$")
    with pytest.raises(TokenizerError, match=r"^small: can't read 'a+!': Onig: .*retry-limit.* over; "):
        small.encode("a" * 40 + "!", parse_special=True)
    assert small.encode("b", parse_special=True)


def test_a_decoder_that_takes_for_ever_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_LIMITS", replace(engine_process._LIMITS, seconds=0.3))
    path = write_letters(tmp_path)
    table = json.loads(path.read_text("utf-8"))
    pattern = {"Regex": "(?:a|a){0,20}Z|a"}
    table["decoder"] = {
        "type": "Sequence",
        "decoders": [{"type": "Fuse"}, {"type": "Replace", "pattern": pattern, "content": "a"}],
    }
    path.write_text(json.dumps(table), "utf-8")
    small = from_file(path, "small")
    assert small.decode(small.encode("once", parse_special=True))
    ids = small.encode("a" * 200 + "bZ", parse_special=True)
    with pytest.raises(TokenizerError, match=r"^small: .* takes over 0.3 s more than 0.05 s for each; "):
        small.decode(ids)
