from __future__ import annotations

import pytest

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.calls import read_call
from calibset.sources.chat_formats.turns import Call


@pytest.mark.parametrize(
    ("value", "call"),
    [
        ({"name": "f", "arguments": {"x": 1}}, Call(name="f", arguments='{"x": 1}')),
        ({"name": "f", "arguments": "{'x': 1}"}, Call(name="f", arguments='{"x": 1}')),
        ({"name": "f"}, Call(name="f", arguments="{}")),
        ({"name": "f", "arguments": ""}, Call(name="f", arguments="{}")),
        ({"arguments": {"x": 1, "name": "f"}}, Call(name="f", arguments='{"x": 1}')),
        ({"name": "f", "arguments": {"name": "g"}}, Call(name="f", arguments='{"name": "g"}')),
    ],
)
def test_calls_from_objects(value: object, call: Call) -> None:
    assert read_call(value, RepairLog(), {"f", "g"}) == call


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"arguments": {"name": "h"}},
        {"name": "f", "arguments": "x=1"},
        {"name": "f", "arguments": [1]},
        {"name": "f", "arguments": {"x": float("inf")}},
        {"name": ["f"], "arguments": {}},
    ],
)
def test_objects_that_are_no_calls(value: object) -> None:
    with pytest.raises(ChatFormatError, match="unparsable tool call"):
        read_call(value, RepairLog(), {"f", "g"})
