from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, ToolCall
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.dialogue import parse
from tests.damage import JSON, damaged
from tests.sources.chat_formats.dialogue_of_a_call import WITH_A_CALL
from tests.sources.chat_formats.row_writers import write_sharegpt
from tests.sources.chat_formats.strict import read_strictly

TOOL = {"name": "get_rate", "description": "A rate.", "parameters": {"type": "object", "properties": {}}}
ASKED = {"from": "human", "value": "Rates?"}
SAID = {"from": "gpt", "value": "1.5"}


def call(*arguments: dict[str, object]) -> dict[str, object]:
    calls = [{"name": "get_rate", "arguments": each} for each in arguments]
    return {"from": "function_call", "value": json.dumps(calls if len(calls) > 1 else calls[0])}


def seen(value: object) -> dict[str, object]:
    return {"from": "observation", "value": value}


def read(*turns: object, **columns: object) -> Conversation:
    row = {"tools": json.dumps([TOOL]), "conversations": list(turns), **columns}
    return parse(row, conversation_id="1")


def test_a_dialogue_with_a_call() -> None:
    conversation = read(
        ASKED | {"weight": 0}, call({"to": "EUR"}), seen("1.5"), SAID, system="Be brief.", loss=[1]
    )
    assert conversation == WITH_A_CALL


@pytest.mark.parametrize("user", ["human", "user"])
@pytest.mark.parametrize("assistant", ["gpt", "assistant"])
@pytest.mark.parametrize("tool", ["tool", "observation", "function_response"])
def test_every_name_of_a_role(user: str, assistant: str, tool: str) -> None:
    turns = [
        {"from": "system", "value": "Be brief."},
        {"from": user, "value": "Rates?"},
        call({}),
        {"from": tool, "value": "1.5"},
        {"from": assistant, "value": "It is 1.5."},
    ]
    roles = [message.role for message in read(*turns).messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]


def test_a_call_goes_with_the_words_before_it() -> None:
    messages = read(ASKED, {"from": "gpt", "value": "A moment."}, call({}), call({"to": "EUR"})).messages
    assert len(messages) == 2
    assert (messages[1].content, [called.arguments for called in messages[1].tool_calls]) == (
        "A moment.",
        ["{}", '{"to": "EUR"}'],
    )


def test_results_answer_calls_in_their_order() -> None:
    messages = read(ASKED, call({"to": "EUR"}, {"to": "CZK"}), seen("1.5"), seen({"rate": 25}), SAID).messages
    assert [(m.content, m.tool_call_id) for m in messages[2:4]] == [
        ("1.5", "call_0"),
        ('{"rate": 25}', "call_1"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        '{"name": "get_rate", "arguments": {}}',
        '[{"name": "get_rate", "arguments": "{}"}]',
        {"name": "get_rate"},
        [{"type": "function", "function": {"name": "get_rate", "arguments": {}}}],
    ],
)
def test_calls_in_every_form(value: object) -> None:
    messages = read(ASKED, {"from": "function_call", "value": value}).messages
    assert messages[1].tool_calls == (ToolCall(id="call_0", name="get_rate", arguments="{}"),)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], "no conversation"),
        ([ASKED], "no assistant turn"),
        ([SAID], "no user turn"),
        (["Rates?"], "malformed turn"),
        ([{"from": "human"}, SAID], "empty user turn"),
        ([{"from": "human", "value": None}, SAID], "empty user turn"),
        ([{"from": "human", "value": 7}], "malformed turn"),
        ([{"from": "judge", "value": "a"}], "unknown role"),
        ([{"value": "a"}], "unknown role"),
        ([{"from": "human", "value": "What is it?\n<image>"}, SAID], "part that is no text: image"),
        ([{"from": "human", "value": "<video>What is it?"}, SAID], "part that is no text: video"),
        ([ASKED, {"from": "function_call", "value": "get_rate()"}], "unparsable tool call"),
        ([ASKED, {"from": "function_call", "value": None}], "unparsable tool call"),
        ([ASKED, {"from": "function_call", "value": "[]"}], "empty assistant turn"),
        ([ASKED, {"from": "function_call", "value": '{"name": "f"}'}], "call to an undeclared tool"),
        ([ASKED, call({}, {}), seen("1"), SAID], "ambiguous tool response"),
        ([ASKED, seen("1"), SAID], "tool response without a call"),
        ([ASKED, {"from": "gpt", "value": " "}], "empty assistant turn"),
    ],
)
def test_rows_that_are_no_conversation(turns: list[object], expected: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        read(*turns)
    assert caught.value.reason == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"conversations": None}, "no conversation"),
        ({"tools": "get_rate"}, "unparsable tools"),
        ({"system": [7]}, "malformed turn"),
        ({"image": "a.png"}, "part that is no text: image"),
    ],
)
def test_columns_that_are_no_good(columns: dict[str, object], expected: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        read(ASKED, SAID, **columns)
    assert caught.value.reason == expected


def test_what_is_not_quite_json_is_noted() -> None:
    row = {"tools": [TOOL], "conversations": [ASKED, call({}), seen("1"), SAID]}
    assert read_strictly(parse, row) == parse(row, conversation_id="1")
    loose = {"from": "function_call", "value": "{'name': 'get_rate', 'arguments': {}}"}
    repairs = RepairLog()
    parse({**row, "conversations": [ASKED, loose]}, conversation_id="1", repairs=repairs)
    assert [repair.reason for repair in repairs.entries] == ["not quite JSON"]


ROW = {
    "system": "Be brief.",
    "tools": [TOOL, {"name": "get_time"}],
    "conversations": [
        ASKED,
        {"from": "gpt", "value": "A moment."},
        call({"to": "EUR"}, {}),
        seen("1.5"),
        seen({"rate": 25}),
        SAID,
        ASKED,
        {"from": "function_call", "value": {"name": "get_time", "arguments": {}}},
        {"from": "tool", "value": "7"},
        SAID,
    ],
}


@given(damaged(ROW) | st.dictionaries(st.text(), JSON, max_size=3))
def test_any_row_is_a_conversation_or_a_known_fault(row: dict[str, object]) -> None:
    try:
        conversation = parse(row, conversation_id="1")
    except ChatFormatError as error:
        fault = error
    else:
        assert (
            parse(json.loads(json.dumps(write_sharegpt(conversation))), conversation_id="1") == conversation
        )
        return
    assert 0 < len(fault.reason) < 60
    assert len(fault.excerpt) <= 200
    fault.excerpt.encode()


def results(value: object) -> list[str]:
    messages = read(ASKED, call({"to": "EUR"}, {"to": "CZK"}), seen(value), SAID).messages
    assert [m.tool_call_id for m in messages[2:-1]] == ["call_0", "call_1"]
    return [m.content for m in messages[2:-1]]


def test_one_list_may_hold_the_results_of_all_calls() -> None:
    assert results('["1.5", {"rate": 25}]') == ["1.5", '{"rate": 25}']
    assert results([1.5, [25]]) == ["1.5", "[25]"]
    named = [{"name": "get_rate", "content": "1"}, {"name": "get_rate", "content": "2"}]
    assert list(map(json.loads, results(named))) == named


def test_results_that_name_their_calls_go_to_them() -> None:
    calls = [{"name": "get_time", "arguments": {}}, {"name": "get_rate", "arguments": {}}]
    both = json.dumps([{"name": "get_rate", "rate": 1.5}, {"name": "get_time", "hour": 7}])
    messages = read(
        ASKED, {"from": "function_call", "value": calls}, seen(both), SAID, tools=[TOOL, {"name": "get_time"}]
    ).messages
    assert [(m.tool_call_id, json.loads(m.content)["name"]) for m in messages[2:4]] == [
        ("call_1", "get_rate"),
        ("call_0", "get_time"),
    ]


def test_a_list_of_results_needs_no_repair_if_it_is_json() -> None:
    def row(value: str) -> dict[str, object]:
        return {"tools": [TOOL], "conversations": [ASKED, call({}, {"to": "EUR"}), seen(value), SAID]}

    assert len(read_strictly(parse, row('["1", "2"]')).messages) == 5
    repairs = RepairLog()
    parse(row("['1', '2']"), conversation_id="1", repairs=repairs)
    assert [repair.reason for repair in repairs.entries] == ["not quite JSON"]


@pytest.mark.parametrize("value", ['["1"]', '["1", "2", "3"]', '{"a": 1, "b": 2}', "1, 2"])
def test_any_other_single_result_of_two_calls_is_ambiguous(value: str) -> None:
    with pytest.raises(ChatFormatError, match=r"^ambiguous tool response$"):
        read(ASKED, call({}, {}), seen(value), SAID)


def test_a_list_is_a_result_of_its_own_beside_others() -> None:
    assert read(ASKED, call({}), seen('["1", "2"]'), SAID).messages[2].content == '["1", "2"]'
    messages = read(ASKED, call({}, {}), seen('["1", "2"]'), seen("3"), SAID).messages
    assert [m.content for m in messages[2:4]] == ['["1", "2"]', "3"]


def test_a_last_brace_that_is_missing_is_mended() -> None:
    repairs = RepairLog()
    value = '{"name": "get_rate", "arguments": {"to": "EUR"}'
    row = {"tools": [TOOL], "conversations": [ASKED, {"from": "function_call", "value": value}]}
    (call,) = parse(row, conversation_id="1", repairs=repairs).messages[1].tool_calls
    assert call.arguments == '{"to": "EUR"}'
    assert [repair.reason for repair in repairs.entries] == ["last brace missing"]
