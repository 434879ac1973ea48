from __future__ import annotations

import itertools
import json

from calibset.core.documents import Span
from calibset.dataset.report.browser_rows import write_browser_rows
from calibset.dataset.report.rows import Row
from calibset.tokenizers import ControlTokens

CONTROL = ControlTokens.of(["</s>", "\x02"])


def row(number: int, text: str, *spans: tuple[str, int, int, bool, bool], read_to: int = 10_000) -> Row:
    return Row(
        number=number,
        source=f"source {number % 2}",
        text=text,
        tokens=len(text),
        read_to=read_to,
        distinct_so_far=0,
        documents=tuple(
            Span(document=d, start=start, end=end, whole=whole, filler=filler)
            for d, start, end, whole, filler in spans
        ),
    )


def test_a_row_is_taken_apart() -> None:
    text = "ab\n\ncd</s>e\x00fgh"
    spans = (("one", 0, 2, True, False), ("two\x1b", 4, 12, False, False), ("three", 12, 15, False, True))
    found = write_browser_rows([row(1, text, *spans, read_to=11)], CONTROL)
    assert json.loads(found.json) == [
        [
            1,
            len(text),
            0,
            [
                ["one", 1, [[0, "ab"]]],
                ["", 0, [[0, "\n\n"]]],
                ["two\\x1b", 2, [[0, "cd"], [1, "</s>"], [0, "e"], [6, "\\x00"]]],
                ["three", 3, [[2, "fgh"]]],
            ],
        ]
    ]
    assert (found.sources, found.rows, found.of) == ((("source 1", 1),), 1, 1)


def test_a_control_token_that_is_not_read_is_both() -> None:
    assert json.loads(write_browser_rows([row(1, "a</s>", read_to=1)], CONTROL).json)[0][3] == [
        ["", 0, [[0, "a"], [3, "</s>"]]]
    ]


def test_a_control_token_is_spelled_out_too() -> None:
    assert json.loads(write_browser_rows([row(1, "a\x02")], CONTROL).json)[0][3] == [
        ["", 0, [[0, "a"], [1, "\\x02"]]]
    ]


def test_of_a_long_file_evenly_spread_rows_are_taken() -> None:
    rows = [row(number, "x" * 1_000) for number in range(1, 1_001)]
    found = write_browser_rows(rows, CONTROL, most=105_000)
    numbers = [line[0] for line in json.loads(found.json)]
    assert (found.rows, found.of) == (len(numbers), 1_000)
    assert 95 <= len(numbers) <= 103
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    assert max(steps) - min(steps) <= 1
    assert len(found.json) <= 105_000
    assert sum(count for _, count in found.sources) == len(numbers)


def test_one_row_is_always_there() -> None:
    found = write_browser_rows([row(1, "x" * 100), row(2, "y")], CONTROL, most=10)
    assert [line[0] for line in json.loads(found.json)] == [1]
