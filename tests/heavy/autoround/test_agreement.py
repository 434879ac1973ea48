"""AutoRound takes the rows that the simulation says it takes, and stops where the simulation says so."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from calibset.quantizers.autoround.loader import AutoRound
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.conftest import RealAutoRound
from tests.heavy.autoround.prediction import predict_ids

GOOD = '{"text": "one two three four five six seven eight nine ten"}\n'


@pytest.mark.parametrize("seqlen", [1, 2, 3, 4, 5])
def test_agrees_where_rows_are_tiny(
    autoround: RealAutoRound, tekken: TekkenTokenizer, tmp_path: Path, seqlen: int
) -> None:
    texts = ["", "a", "<s>", "<s><s>", "a<s>", "a a", " a a a a", "<s>a<s>b<s>", "a b c d e f", "x\u00a0"]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(texts))
    expected = predict_ids(path, texts, tekken, seqlen=seqlen, nsamples=20)
    assert expected
    assert Counter(autoround.ids(path, seqlen=seqlen, nsamples=20)) == Counter(expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.json", json.dumps([{"text": "one two three four five six seven"}, "b c d e f", {"q": ""}])),
        ("object.json", json.dumps({"x": {"text": "one two three four five six seven"}, "y": "b c d e f"})),
        ("indented.json", "\n\n" + json.dumps(["one two three four five six seven", "b"], indent=1) + "\n\n"),
        ("unended.jsonl", GOOD + GOOD.strip()),
        ("twice.jsonl", '{"a": "x", "a": "one two three four five six seven eight"}\n'),
        ("nan.jsonl", '{"text": "one two three four five six seven eight", "score": NaN}\n'),
        ("nul.jsonl", '{"text": "\\u0000 one two three four five six seven eight"}\n'),
        ("pair.jsonl", '{"text": "\\ud83d\\ude00 one two three four five six seven eight"}\n'),
        ("half_in_another_column.jsonl", '{"text": "one two three four five six seven", "x": "\\ud800"}\n'),
        ("separators.jsonl", '{"text": "one two three four \u2028 five \x85 six seven eight nine"}\n'),
    ],
)  # fmt: skip
def test_agrees_on_how_many_rows_of_other_files(
    autoround: RealAutoRound, tekken: TekkenTokenizer, tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    report = AutoRound().simulate_file(path, tekken, nsamples=9, seqlen=8)
    assert report.fatal == ()
    assert report.kept > 0
    assert len(autoround.ids(path, seqlen=8, nsamples=9)) == report.kept


def test_takes_none_where_the_simulation_keeps_none(
    autoround: RealAutoRound, tekken: TekkenTokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(GOOD * 3)
    report = AutoRound().simulate_file(path, tekken, nsamples=3, seqlen=64)
    assert (report.fatal, report.kept) == ((), 0)
    assert autoround.ids(path, seqlen=64, nsamples=3) == []


class Stop(NamedTuple):
    """A file that AutoRound stops at.

    The exact type of its error is asserted, because AutoRound answers what it takes for a fault
    of the network with other data.
    """

    name: str
    content: str | bytes
    fault: str
    error: str


STOPS = [
    Stop("blank.jsonl", GOOD + "\n" + GOOD, "row 2: blank line", "JSONDecodeError"),
    Stop("blank_end.jsonl", GOOD + "\n", "row 2: blank line", "JSONDecodeError"),
    Stop("blanks.jsonl", GOOD + "  \t\n" + GOOD, "row 2: blank line", "JSONDecodeError"),
    Stop("bom.jsonl", "\ufeff" + GOOD, "row 1: not valid JSON", "JSONDecodeError"),
    Stop("cut.jsonl", GOOD + '{"text": "x"\n', "row 2: not valid JSON", "JSONDecodeError"),
    Stop("two.jsonl", GOOD + '{"text": "x"} {"text": "y"}\n', "row 2: not valid JSON", "JSONDecodeError"),
    Stop("raw_control.jsonl", GOOD + '{"text": "x\x1cy"}\n', "row 2: not valid JSON", "JSONDecodeError"),
    Stop("separator.jsonl", GOOD.strip() + "\u2028" + GOOD, "row 1: not valid JSON", "JSONDecodeError"),
    Stop("deep.jsonl", GOOD + "[" * 100_000 + "\n", "row 2: not valid JSON", "RecursionError"),
    Stop("bom.json", "\ufeff[]", "row 1: not valid JSON", "JSONDecodeError"),
    Stop("lines.json", GOOD * 2, "row 1: not valid JSON", "JSONDecodeError"),
    Stop("latin.jsonl", (GOOD + '{"text": "caf\xe9"}\n').encode("latin-1"), "row 2: not valid UTF-8",
         "UnicodeDecodeError"),
    Stop("latin.json", b'["caf\xe9"]', "row 1: not valid UTF-8", "UnicodeDecodeError"),
    Stop("half.jsonl", GOOD + '{"text": "a\\ud800b"}\n', "row 2: its text holds a lone surrogate",
         "UnicodeEncodeError"),
    Stop("integer.jsonl", GOOD + '{"text": 5}\n', "row 2: its text is not a string", "TypeError"),
    Stop("null.jsonl", GOOD + '{"text": null, "x": "y"}\n', "row 2: has no text", "TypeError"),
    Stop("ids.jsonl", GOOD + '{"input_ids": [1, 2, 3]}\n', "row 2: its text is not a string", "TypeError"),
    Stop("ids_and_mask.jsonl", GOOD + '{"input_ids": [1, 2], "attention_mask": [1, 1]}\n',
         "row 2: its text is not a string", "TypeError"),
    Stop("messages.jsonl", GOOD + '{"messages": [{"role": "user", "content": "x"}]}\n',
         "row 2: its text is not a string", "TypeError"),
    Stop("no_text.jsonl", GOOD + '{"prompt": "x", "answer": "y"}\n', "row 2: has no text", "TypeError"),
    Stop("empty_object.jsonl", GOOD + "{}\n", "row 2: has no text", "TypeError"),
    Stop("list.jsonl", GOOD + '["x"]\n', "row 2: has no text", "TypeError"),
    Stop("number.json", "3", "row 1: neither a list nor an object of rows", "TypeError"),
    Stop("empty.jsonl", "", "the file holds no row", "ValueError"),
    Stop("empty.json", "[]", "the file holds no row", "ValueError"),
    Stop("rows.txt", GOOD, "it takes .jsonl and .json and .parquet files, not .txt", "TypeError"),
    Stop("rows,more.jsonl", GOOD, "the path holds a comma, which separates datasets", "ValueError"),
    Stop("rows:num=1.jsonl", GOOD, "the path holds a colon, which begins options", "ValueError"),
]  # fmt: skip


@pytest.mark.parametrize("stop", STOPS, ids=[stop.name for stop in STOPS])
def test_stops_where_the_simulation_says_so(
    autoround: RealAutoRound, tekken: TekkenTokenizer, tmp_path: Path, stop: Stop
) -> None:
    path = tmp_path / stop.name
    path.write_bytes(stop.content.encode("utf-8") if isinstance(stop.content, str) else stop.content)
    assert AutoRound().simulate_file(path, tekken, nsamples=1, seqlen=8).fatal == (stop.fault,)
    with pytest.raises(Exception, match=r".") as stopped:
        autoround.ids(path, seqlen=8, nsamples=1)
    assert stopped.type.__name__ == stop.error
