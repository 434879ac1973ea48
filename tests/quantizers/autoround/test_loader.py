from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibset.core.errors import QuantizerError
from calibset.quantizers.autoround.loader import AutoRound
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters
from tests.quantizers.rows import EXACT, SEQLEN, fates

AUTOROUND = AutoRound()


@pytest.fixture(
    scope="module", params=[(True, False), (False, False), (True, True)], ids=["bos", "bare", "both"]
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that adds BOS, nothing, or BOS and EOS."""
    path = tmp_path_factory.mktemp("tokenizer")
    write_letters(path, bos=request.param[0], eos=request.param[1])
    return path


def kept_and_used(texts: list[str], engine: tokenizers.Tokenizer, nsamples: int) -> tuple[set[int], set[int]]:
    """Return which rows the loader keeps and which it uses, written down from its own code."""
    engine.enable_truncation(SEQLEN)
    rows = [(number, text.rstrip()) for number, text in enumerate(texts, 1)]
    random.Random(42).shuffle(rows)
    passed = []
    for number, text in rows:
        ids = engine.encode(text).ids
        if len(ids) < SEQLEN:
            continue
        ids = ids[:SEQLEN]
        if ids.count(ids[-1]) > SEQLEN // 2:
            continue
        passed.append(number)
    return set(passed), set(passed[:nsamples])


def text_rows() -> st.SearchStrategy[str]:
    words = st.text("abcé \n😀", max_size=24)
    near = st.integers(12, 18).map(lambda n: "abcdefghijklmnopqrst"[:n])
    alike = st.integers(5, 20).flatmap(
        lambda n: st.sampled_from(["a" * n + "b" * 9, "ab" * n, "bc" + "a" * n])
    )
    control = st.sampled_from([EXACT[:-1] + "</s>", "<s>" + EXACT, "</s>" * 16, "abcdefgh" + "</s>" * 9])
    return st.one_of(words, near, alike, control).flatmap(
        lambda text: st.sampled_from(["", " ", "\n", " \t\u3000"]).map(lambda blank: text + blank)
    )


@given(st.lists(text_rows(), max_size=12), st.integers(1, 8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_simulation_keeps_and_uses_what_the_loader_does(
    folder: Path, texts: list[str], nsamples: int
) -> None:
    engine = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    report = AUTOROUND.simulate(texts, load_tokenizer(str(folder)), nsamples=nsamples, seqlen=SEQLEN)
    kept, used = kept_and_used(texts, engine, nsamples)
    assert {row.row for row in report.rows if row.kept} == kept
    assert {row.row for row in report.rows if row.used} == used
    assert report.kept == len(kept)
    assert report.passed == (len(kept) == len(texts) >= nsamples)


def values() -> st.SearchStrategy[Any]:
    return st.one_of(
        text_rows(),
        text_rows().map(lambda text: {"text": text}),
        st.tuples(st.text("abc", min_size=1), text_rows()).map(lambda pair: {pair[0]: pair[1]}),
        text_rows().map(lambda text: {"source": "web", "text": text, "tokens": 3}),
        st.sampled_from(
            [{}, {"text": 1}, {"messages": []}, {"a": "b", "c": "d"}, None, 7, ["text"], {"text": None}]
        ),
    )


def text_of(value: Any) -> str | None:
    """Return the text that the loader takes from a row, or None where it stops."""
    if isinstance(value, dict):
        if len(value) == 1:
            (value,) = value.values()
        else:
            value = value.get("text", value.get("input_ids"))
    return value if isinstance(value, str) else None


@given(
    st.lists(values(), min_size=1, max_size=8), st.sampled_from(["jsonl", "list", "object"]), st.booleans()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_files_rows_are_read_as_the_loader_does(
    letters: Tokenizer, tmp_path: Path, rows: list[Any], form: str, ascii_only: bool
) -> None:
    path = tmp_path / ("x.jsonl" if form == "jsonl" else "x.json")
    spelled = {"list": rows, "object": {str(i): row for i, row in enumerate(rows)}}
    text = (
        "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
        if form == "jsonl"
        else json.dumps(spelled[form], ensure_ascii=ascii_only)
    )
    path.write_bytes(text.encode())
    texts = [text_of(row) for row in rows]
    report = AUTOROUND.simulate_file(path, letters, nsamples=4, seqlen=SEQLEN)
    alone = AUTOROUND.simulate([text or "" for text in texts], letters, nsamples=4, seqlen=SEQLEN)
    stops = [number for number, text in enumerate(texts, 1) if text is None]
    faults = [fault for fault in report.fatal if fault.startswith("row ")]
    assert [int(fault.split()[1].rstrip(":")) for fault in faults] == stops
    assert report.rows == alone.rows
    assert report.kept == (0 if report.fatal else alone.kept)
    assert (report.warnings != alone.warnings) == (not text.isascii())


def check_text(text: str, tokenizer: Tokenizer) -> tuple[int, int, str | None]:
    (row,) = AUTOROUND.simulate([text], tokenizer, nsamples=1, seqlen=SEQLEN).rows
    return row.tokens, row.cut, row.reason


@pytest.mark.parametrize(
    ("text", "tokens", "cut", "reason"),
    [
        (EXACT, 15, 0, None),
        (EXACT + " \n\u3000", 15, 0, None),
        (EXACT + "pqr", 18, 3, None),
        (EXACT[:-1], 14, 0, "1 token short of 16"),
        ("", 0, 0, "15 tokens short of 16"),
        ("abcdefg" + "x" * 8, 15, 0, None),
        ("abcdef" + "x" * 9, 15, 0, "its last token makes up 9 of 16 tokens"),
        ("abcdef" + "x" * 9 + "y", 16, 1, "its last token makes up 9 of 16 tokens"),
        ("x" * 14 + "yz", 16, 1, None),
        (EXACT[:-1] + "</s>", 15, 0, None),
    ],
)
def test_a_row_is_kept_or_dropped_for_a_reason(
    letters: Tokenizer, text: str, tokens: int, cut: int, reason: str | None
) -> None:
    assert check_text(text, letters) == (tokens, cut, reason)


def test_waste_is_what_is_cut_of_kept_rows(letters: Tokenizer) -> None:
    report = AUTOROUND.simulate([EXACT + "pqrst", EXACT, "short"], letters, nsamples=2, seqlen=SEQLEN)
    assert report.waste == 5 / 35
    assert [row.row for row in report.lost] == [3]
    assert not report.passed
    assert AUTOROUND.simulate([], letters, nsamples=1, seqlen=SEQLEN).waste == 0


def test_of_more_rows_than_nsamples_the_shuffle_decides(letters: Tokenizer) -> None:
    texts = [f"{i:02}{EXACT}" for i in range(40)]
    texts[5] = "short"
    report = AUTOROUND.simulate(texts, letters, nsamples=10, seqlen=SEQLEN)
    order = list(range(1, 41))
    random.Random(42).shuffle(order)
    order.remove(6)
    assert [row.row for row in report.rows if row.used] == sorted(order[:10])
    assert report.warnings == (
        "40 rows for nsamples 10: AutoRound's shuffle decides which of them are used, and so the mixture",
    )


def written(tmp_path: Path, content: bytes, name: str = "x.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


GOOD = json.dumps({"text": EXACT}).encode()


@pytest.mark.parametrize(
    ("content", "fatal"),
    [
        (GOOD + b"\n\n" + GOOD + b"\n", "row 2: blank line"),
        (GOOD + b"\n  \n", "row 2: blank line"),
        (b"\xef\xbb\xbf" + GOOD, "row 1: not valid JSON"),
        (GOOD[:-2], "row 1: not valid JSON"),
        (b"[" * 100_000, "row 1: not valid JSON"),
        (b'{"text": 1}', "row 1: its text is not a string"),
        (b'{"messages": [{"role": "user", "content": "hi"}]}', "row 1: its text is not a string"),
        (b'{"input_ids": [1, 2]}', "row 1: its text is not a string"),
        (b'{"input_ids": [1, 2], "attention_mask": [1, 1]}', "row 1: its text is not a string"),
        (b'{"prompt": "a", "answer": "b"}', "row 1: has no text"),
        (b"[1]", "row 1: has no text"),
        (b"17", "row 1: has no text"),
        (b"null", "row 1: has no text"),
        (b'{"text": "\\ud800"}', "row 1: its text holds a lone surrogate"),
        (b'{"text": "\xff"}', "row 1: not valid UTF-8"),
        (b"", "the file holds no row"),
    ],
)
def test_what_the_loader_stops_at_is_fatal(
    letters: Tokenizer, tmp_path: Path, content: bytes, fatal: str
) -> None:
    report = AUTOROUND.simulate_file(written(tmp_path, content), letters, nsamples=1, seqlen=SEQLEN)
    assert report.fatal == (fatal,)
    assert (report.kept, report.passed, report.quantizer) == (0, False, AUTOROUND.info.label)


@pytest.mark.parametrize(
    ("content", "fatal"),
    [
        (b"[]", "the file holds no row"),
        (b"{}", "the file holds no row"),
        (b"3", "row 1: neither a list nor an object of rows"),
        (GOOD + b"\n" + GOOD, "row 1: not valid JSON"),
        (b'["' + b"a" * 20 + b'", 3]', "row 2: has no text"),
        (b"", "row 1: not valid JSON"),
    ],
)
def test_a_json_file_is_one_value(letters: Tokenizer, tmp_path: Path, content: bytes, fatal: str) -> None:
    report = AUTOROUND.simulate_file(written(tmp_path, content, "x.json"), letters, nsamples=1, seqlen=SEQLEN)
    assert report.fatal == (fatal,)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_ends_a_row(letters: Tokenizer, tmp_path: Path, end: bytes) -> None:
    report = AUTOROUND.simulate_file(
        written(tmp_path, end.join([GOOD] * 3) + end), letters, nsamples=3, seqlen=SEQLEN
    )
    assert report.passed
    assert (len(report.rows), report.warnings) == (3, ())


def test_an_unescaped_line_separator_ends_no_row(letters: Tokenizer, tmp_path: Path) -> None:
    content = json.dumps({"text": EXACT + "\u2028\x85x"}, ensure_ascii=False).encode() + b"\n"
    report = AUTOROUND.simulate_file(written(tmp_path, content), letters, nsamples=1, seqlen=SEQLEN)
    assert report.passed
    assert report.warnings == ("the file isn't ASCII: AutoRound reads it in the locale's encoding",)


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("out/set.jsonl", ()),
        ("set.json", ()),
        ("my set.jsonl", ("the path holds a space, which it removes",)),
        ("a,b.jsonl", ("the path holds a comma, which separates datasets",)),
        ("C:/a.jsonl", ("the path holds a colon, which begins options",)),
        ("set.txt", ("the path must end in .jsonl or .json",)),
        ("my ids.parquet", ()),
        (
            "a: b,c",
            (
                "the path holds a space, which it removes",
                "the path holds a comma, which separates datasets",
                "the path holds a colon, which begins options",
                "the path must end in .jsonl or .json",
            ),
        ),
    ],
)
def test_a_path_that_is_misread_is_a_fault(path: str, faults: tuple[str, ...]) -> None:
    assert AUTOROUND.path_problems(path) == faults


def test_a_files_path_is_looked_at_too(letters: Tokenizer, tmp_path: Path) -> None:
    report = AUTOROUND.simulate_file(written(tmp_path, GOOD, "a b.jsonl"), letters, nsamples=1, seqlen=SEQLEN)
    assert report.fatal == ("the path holds a space, which it removes",)
    assert report.rows[0].kept


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere.jsonl", "No such file or directory"), ("x.jsonl", "Is a directory")]
)
def test_a_file_that_can_not_be_read_is_an_error(
    letters: Tokenizer, tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "x.jsonl").mkdir()
    path = tmp_path / name
    with pytest.raises(QuantizerError) as caught:
        AUTOROUND.simulate_file(path, letters, nsamples=1, seqlen=SEQLEN)
    assert str(caught.value) == f"{path}: can't be read: {says}"


def test_the_first_ids_are_taken_that_are_long_enough(letters: Tokenizer) -> None:
    ids = [(256, *range(length)) for length in (15, 14, 15, 18, 15)]
    report = AUTOROUND.simulate(ids, letters, nsamples=2, seqlen=SEQLEN)
    assert fates(report) == [
        (15, 0, None, True),
        (14, 0, "1 token short of 16", False),
        (15, 0, None, True),
        (18, 0, None, False),
        (15, 0, None, False),
    ]
    assert report.warnings == (
        "1 rows are longer than seqlen 16, and AutoRound doesn't cut ids",
        "5 rows for nsamples 2: the first are used, in the file's order",
    )


def test_ids_are_let_through_that_are_all_alike(letters: Tokenizer) -> None:
    assert AUTOROUND.simulate([(7,) * 16], letters, nsamples=1, seqlen=SEQLEN).passed
    assert AUTOROUND.simulate(["a" * 15], letters, nsamples=1, seqlen=SEQLEN).lost


def test_it_is_given_one_kind_of_row(letters: Tokenizer) -> None:
    report = AUTOROUND.simulate([(7,) * 16, EXACT], letters, nsamples=1, seqlen=SEQLEN)
    assert [row.reason for row in report.rows] == [None, "texts and ids don't go together"]
