"""Calls are read from what models wrote, and compared as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibset.evaluation.calls import CallComparison, WrittenCall, compare_calls, read_calls
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.windows import CALLS, OWN_CALLS, Window
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.chatml import write_chatml
from tests.evaluation.measurements import INFO, random_scores


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("It is noon.", ()),
        ('<tool_call>\n{"name": "now", "arguments": {"zone": "CET"}}\n</tool_call>',
         [("now", '{"zone": "CET"}')]),
        ('Wait. <tool_call>{"name": "now", "arguments": {}}</tool_call>', [("now", "{}")]),
        ('[TOOL_CALLS]now[CALL_ID]123456789[ARGS]{"b": 1.0, "a": [2, true]}',
         [("now", '{"a": [2, true], "b": 1}')]),
        ('[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g[ARGS]{"x": null}', [("f", "{}"), ("g", '{"x": null}')]),
        ('<tool_call>{"name": "now", "argum', None),
        ("[TOOL_CALLS]now[ARGS]{", None),
    ],
)  # fmt: skip
def test_calls_are_read_in_the_forms_of_models(text: str, calls: list[tuple[str, str]] | None) -> None:
    assert read_calls(text) == (None if calls is None else tuple(WrittenCall(*call) for call in calls))


def written(tokenizer: Tokenizer, task: str, *texts: str) -> Measurement:
    """Return a measurement of windows that end in texts that a model wrote."""
    windows = []
    for index, text in enumerate(texts):
        ids = tokenizer.encode(text + "<|im_end|>", parse_special=True)
        scored = np.arange(3, 3 + len(ids), dtype=np.int32)
        windows.append(
            Window(
                index=index,
                ids=np.array([1, 1, 1, *ids], dtype=np.int32),
                scored=scored,
                document="d",
                task=task,
            )
        )
    return Measurement(INFO, windows, random_scores(windows, 2, vocabulary=300))


def test_models_are_compared_by_what_they_call(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(write_chatml(tmp_path)))

    def call(name: str, arguments: str) -> str:
        return f'<tool_call>{{"name": "{name}", "arguments": {arguments}}}</tool_call>'

    pairs = [
        (call("f", '{"x": 1, "y": 2}'), call("f", '{"y": 2.0, "x": 1}')),
        (call("f", '{"x": 1}'), call("f", '{"x": true}')),
        (call("f", "{}"), call("g", "{}")),
        (call("f", "{}"), "I don't know."),
        ("I don't know.", call("f", "{}")),
        ("No.", "Neither."),
        (call("f", "{}"), '<tool_call>{"name": "f", '),
    ]
    base = written(tokenizer, CALLS, *(one for one, _ in pairs))
    other = written(tokenizer, OWN_CALLS, *(two for _, two in pairs))
    assert compare_calls(base, other, tokenizer) == CallComparison(
        prompts=7, base_calls=5, other_calls=4, same=1, same_names=2, unreadable=1
    )
    assert compare_calls(base, replace(other, windows=[], scores=[]), tokenizer) is None
