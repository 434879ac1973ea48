from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.chat_formats import hermes, when2call
from calibset.sources.chat_formats.base import ChatFormatError, ConversationParser, RepairLog
from calibset.sources.chat_formats.calls import read_call, read_calls
from calibset.sources.chat_formats.turns import Call
from tests.damage import JSON

READ = Call(name="f", arguments='{"x": 1}')
ARGUMENT_KEYS = [
    *("arguments", "argument", "parameters", "params", "args", "kwargs", "input", "tool_input", "toolInput"),
    *("Arguments", "PARAMETERS"),
]


@pytest.mark.parametrize("key", ARGUMENT_KEYS)
@pytest.mark.parametrize("arguments", [{"x": 1}, '{"x": 1}'])
def test_arguments_are_read_under_every_known_key(key: str, arguments: object) -> None:
    for call in (
        {"name": "f", key: arguments},
        {"type": "function", "function": {"name": "f", key: arguments}},
        {"functionCall": {"name": "f", key: arguments}},
        {"toolUse": {"name": "f", key: arguments}},
        {"tool_name": "f", key: arguments, "other": None, "more": ""},
        {"toolName": "f", "arguments": {}, "args": None, key: arguments},
        {"function": "f", key: arguments, "type": "function", "index": 0},
    ):
        repairs = RepairLog()
        assert read_call(call, repairs) == READ
        assert repairs.entries == []


@pytest.mark.parametrize(
    ("value", "call"),
    [
        ({"name": "f", "arguments": {"x": 1}}, READ),
        ({"name": "f", "arguments": "{'x': 1}"}, READ),
        ({"name": "f"}, Call(name="f", arguments="{}")),
        ({"name": "f", "arguments": ""}, Call(name="f", arguments="{}")),
        ({"arguments": {"x": 1, "name": "f"}}, READ),
        ({"name": "f", "arguments": {"name": "g"}}, Call(name="f", arguments='{"name": "g"}')),
        (
            {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}},
            Call(name="f", arguments='{"x": 1}', id="a"),
        ),
        (
            {"toolCallId": "a", "toolName": "f", "args": {"x": 1}},
            Call(name="f", arguments='{"x": 1}', id="a"),
        ),
        ({"name": "f", "arguments": '{"x": 1}', "parameters": {"x": 1}}, READ),
    ],
)
def test_calls_from_objects(value: object, call: Call) -> None:
    assert read_call(value, RepairLog(), {"f", "g"}) == call


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "unparsable tool call"),
        ([], "unparsable tool call"),
        ({}, "unparsable tool call"),
        ({"arguments": {"name": "h"}}, "unparsable tool call"),
        ({"f": {"x": 1}}, "unparsable tool call"),
        ({"name": "f", "arguments": "x=1"}, "unparsable tool call"),
        ({"name": "f", "arguments": [1]}, "unparsable tool call"),
        ({"name": "f", "arguments": '{"x": 1, "x": 2}'}, "a key twice in a tool call"),
        ({"name": "f", "arguments": '{"of": [{"x": 1, "x": [2]}]}'}, "a key twice in a tool call"),
        ({"name": "f", "arguments": {"x": float("inf")}}, "unparsable tool call"),
        ({"name": ["f"], "arguments": {}}, "unparsable tool call"),
        ({"name": "f", "x": 1}, "unknown key in a tool call: x"),
        ({"name": "f", "payload": {"x": 1}}, "unknown key in a tool call: payload"),
        ({"name": "f", "arguments": {}, "the rest of it": {"x": 1}}, "unknown key in a tool call: …"),
        ({"name": "f", "arguments": {"x": 1}, "args": {"x": 2}}, "two keys that differ: arguments"),
        ({"name": "f", "function": {"name": "g"}}, "two keys that differ: name"),
        ({"name": "f", "args": {"x": 1}, "function": {"arguments": "{}"}}, "two keys that differ: arguments"),
    ],
)
def test_objects_that_are_no_calls(value: object, reason: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        read_call(value, RepairLog(), {"f", "g"})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "row",
    [
        {
            "conversations": [
                {"from": "human", "value": "Go"},
                {"from": "gpt", "value": "<tool_call>{}</tool_call>"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "Go"},
                {"role": "assistant", "content": "<TOOLCALL>[{}]</TOOLCALL>"},
            ]
        },
    ],
)
@pytest.mark.parametrize("key", ["arguments", "parameters", "args", "input", "kwargs"])
def test_the_formats_with_tags_know_the_keys_as_well(row: dict[str, object], key: str) -> None:
    parse: ConversationParser = hermes.parse if "conversations" in row else when2call.parse
    call = json.dumps(json.dumps({"name": "f", key: {"x": 1}}))[1:-1]
    whole = json.loads(
        json.dumps({**row, "tools": json.dumps([{"name": "f"}])})
        .replace("{}<", f"{call}<")
        .replace("[{}]", f"[{call}]")
    )
    assert parse(whole, conversation_id="1").messages[1].tool_calls[0].arguments == '{"x": 1}'


@given(JSON)
def test_any_value_is_calls_or_a_fault(value: object) -> None:
    try:
        calls = read_calls(value, RepairLog())
    except ChatFormatError:
        return
    assert all(isinstance(json.loads(call.arguments), dict) for call in calls)


@given(st.dictionaries(st.sampled_from([*ARGUMENT_KEYS, "name", "id", "x"]), JSON, min_size=1))
def test_a_call_that_had_arguments_keeps_them(value: dict[str, object]) -> None:
    try:
        call = read_call(value, RepairLog())
    except ChatFormatError:
        return
    for key, item in value.items():
        if key in ARGUMENT_KEYS and isinstance(item, dict) and item:
            assert json.loads(call.arguments) == item


def test_more_calls_of_a_turn_than_any_model_makes_are_refused() -> None:
    call = {"name": "f", "arguments": {}}
    assert len(read_calls([call] * 1_000, RepairLog())) == 1_000
    with pytest.raises(ChatFormatError, match="too many calls"):
        read_calls([call] * 1_001, RepairLog())
