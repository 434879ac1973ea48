from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, ToolCall
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.dialogue import parse
from tests.damage import JSON, damaged
from tests.sources.chat_formats.dialogue_of_a_call import WITH_A_CALL
from tests.sources.chat_formats.row_writers import write_openai
from tests.sources.chat_formats.strict import read_strictly

FUNCTION = {"name": "get_rate", "description": "A rate.", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}
ASKED = {"role": "user", "content": "Rates?"}
SAID = {"role": "assistant", "content": "1.5"}


def called(*ids: str | None, arguments: object = '{"to": "EUR"}') -> dict[str, Any]:
    calls = [
        {"id": id_, "type": "function", "function": {"name": "get_rate", "arguments": arguments}}
        for id_ in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(content: object, call: str | None = None, **more: object) -> dict[str, Any]:
    return {"role": "tool", "content": content, "tool_call_id": call, **more}


def read(*messages: object, **columns: object) -> Conversation:
    return parse({"tools": [TOOL], "messages": list(messages), **columns}, conversation_id="1")


def reason(*messages: object, **columns: object) -> str:
    with pytest.raises(ChatFormatError) as caught:
        read(*messages, **columns)
    return caught.value.reason


def test_a_dialogue_with_a_call() -> None:
    developer = {"role": "developer", "content": "Be brief."}
    conversation = read(developer, ASKED, called("x1"), answer("1.5", "x1"), SAID | {"weight": 1})
    assert conversation == WITH_A_CALL


@pytest.mark.parametrize(
    "call",
    [
        called("x1", arguments={"to": "EUR"}),
        called(None),
        {"role": "assistant", "function_call": {"name": "get_rate", "arguments": '{"to": "EUR"}'}},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "get_rate", "arguments": {"to": "EUR"}}],
        },
        {"role": "assistant", "tool_calls": json.dumps(called("x1")["tool_calls"])},
        {
            "role": "assistant",
            "tool_calls": [],
            "function_call": '{"name": "get_rate", "arguments": {"to": "EUR"}}',
        },
    ],
)
@pytest.mark.parametrize(
    "result", [answer("1.5", "x1"), {"role": "function", "name": "get_rate", "content": "1.5"}]
)
def test_calls_and_results_in_every_form(call: dict[str, object], result: dict[str, object]) -> None:
    messages = read(ASKED, call, result, SAID).messages
    assert messages[1].tool_calls == (ToolCall(id="call_0", name="get_rate", arguments='{"to": "EUR"}'),)
    assert (messages[2].content, messages[2].tool_call_id) == ("1.5", "call_0")


def test_results_go_to_the_calls_that_they_name() -> None:
    answers = answer("2", "b"), answer("1", "a")
    messages = read(ASKED, called("a", "b"), *answers, SAID).messages
    assert [(m.content, m.tool_call_id) for m in messages[2:4]] == [("2", "call_1"), ("1", "call_0")]
    shortened = read(ASKED, called("a", "b"), answer("2", "b"), SAID).messages
    assert [call.id for call in shortened[1].tool_calls] == ["call_0"]
    assert shortened[2].content == "2"


def test_results_without_an_id_go_by_name_or_by_order() -> None:
    both = called("a", "b")
    both["tool_calls"][0]["function"] = {"name": "get_time", "arguments": ""}
    tools = [{"name": "get_time"}, FUNCTION]
    for answers in (
        (answer("1", name="get_rate"), answer("2", name="get_time")),
        (answer("2"), answer("1")),
    ):
        messages = read(ASKED, both, *answers, SAID, tools=tools).messages
        ids = {call.id: call.name for call in messages[1].tool_calls}
        assert {ids[m.tool_call_id or ""]: m.content for m in messages[2:4]} == {
            "get_time": "2",
            "get_rate": "1",
        }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "text", "text": "a", "image_url": None}], "a"),
    ],
)
def test_content_is_text_or_parts_of_text(content: object, text: str) -> None:
    messages = read({"role": "user", "content": content}, called("a"), answer(content, "a"), SAID).messages
    assert (messages[0].content, messages[2].content) == (text, text)


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), ({"rate": 1.5}, '{"rate": 1.5}'), ([1, "a"], '[1, "a"]'), ([], "[]")]
)
def test_what_a_tool_gave_may_be_any_value(content: object, text: str) -> None:
    assert read(ASKED, called("a"), answer(content, "a"), SAID).messages[2].content == text


@pytest.mark.parametrize(
    "columns",
    [
        {"tools": [TOOL]},
        {"tools": [FUNCTION]},
        {"tools": [json.dumps(TOOL)]},
        {"tools": json.dumps([FUNCTION])},
        {"tools": None, "functions": [FUNCTION]},
    ],
)
def test_tools_in_every_form(columns: dict[str, object]) -> None:
    assert [tool.name for tool in read(ASKED, SAID, **columns).tools] == ["get_rate"]


@pytest.mark.parametrize("tools", [None, [], "", "[]", "null"])
def test_rows_without_tools(tools: object) -> None:
    assert read(ASKED, SAID, tools=tools).tools == ()


def test_a_system_prompt_may_be_a_column() -> None:
    first = read(ASKED, SAID, system="Be brief.").messages[0]
    assert (first.role, first.content) == ("system", "Be brief.")
    turn = {"role": "system", "content": "Be long."}
    assert read(turn, ASKED, SAID, system="Be brief.").messages[0].content == "Be long."
    blank = {"role": "system", "content": " "}
    assert read(blank, ASKED, SAID, system="\n").messages[0].role == "user"
    assert read(blank, blank, ASKED, SAID, system="Be brief.").messages[0].content == "Be brief."


def test_messages_may_be_json_text() -> None:
    row = {"messages": json.dumps([ASKED, SAID])}
    assert [m.content for m in parse(row, conversation_id="1").messages] == ["Rates?", "1.5"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "no conversation"),
        ([ASKED], "no assistant turn"),
        (["Rates?"], "malformed turn"),
        ([{"role": "user", "content": 7}], "malformed turn"),
        ([{"role": "user", "content": [["a"]]}], "malformed turn"),
        ([{"role": "user", "content": [{"type": "text", "text": None}]}], "malformed turn"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "part that is no text: image",
        ),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "part that is no text: audio"),
        ([{"role": "user", "content": "<image>\nWhat is it?"}, SAID], "part that is no text: image"),
        ([{"role": "user", "content": "What is it?<image>"}, SAID], "part that is no text: image"),
        ([{"role": "judge", "content": "a"}], "unknown role"),
        ([{"content": "a"}], "unknown role"),
        ([ASKED, {"role": "assistant", "content": None}], "empty assistant turn"),
        ([ASKED, {"role": "assistant", "tool_calls": 7}], "unparsable tool call"),
        ([ASKED, {"role": "assistant", "tool_calls": [7]}], "unparsable tool call"),
        ([ASKED, {"role": "assistant", "tool_calls": [{"function": None}]}], "unparsable tool call"),
        ([ASKED, {"role": "assistant", "tool_calls": [{"type": "custom"}]}], "unparsable tool call"),
        ([ASKED | {"tool_calls": [{"name": "get_rate"}]}, SAID], "tool call in a user turn"),
        ([ASKED, {"role": "assistant", "tool_calls": "["}], "unparsable tool call"),
        ([ASKED, called("a", arguments='{"to": ')], "unparsable tool call"),
        ([ASKED, called("a", arguments=float("nan"))], "unparsable tool call"),
        ([ASKED, called("a", arguments={"to": float("inf")})], "unparsable tool call"),
        ([ASKED, called("a", arguments={"to": object()})], "unparsable tool call"),
        ([ASKED, called("a"), answer("1", "b"), SAID], "tool response without a call"),
        ([ASKED, called("a"), answer("1", "a"), answer("1", "a"), SAID], "tool response without a call"),
        ([ASKED, called("a", "b"), answer("1"), SAID], "ambiguous tool response"),
        ([ASKED, called("a"), SAID], "tool call without a response"),
        ([ASKED, {"role": "assistant", "function_call": {"name": "f"}}], "call to an undeclared tool"),
    ],
)
def test_rows_that_are_no_conversation(messages: list[object], expected: str) -> None:
    assert reason(*messages) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"messages": None}, "no conversation"),
        ({"messages": "["}, "no conversation"),
        ({"messages": '"a"'}, "no conversation"),
        ({"tools": "["}, "unparsable tools"),
        ({"tools": [{"type": "web_search"}]}, "tool without a name"),
        ({"system": 7}, "malformed turn"),
        ({"images": ["a.png"]}, "part that is no text: image"),
        ({"system": "\ud800"}, "text with half a character"),
    ],
)
def test_columns_that_are_no_good(columns: dict[str, object], expected: str) -> None:
    assert reason(ASKED, SAID, **columns) == expected


def test_an_element_of_html_is_no_picture() -> None:
    assert read({"role": "user", "content": "What is <image> in SVG?"}, SAID, images=[]).messages


def test_arguments_as_text_need_no_repair() -> None:
    rows = {"tools": [TOOL], "messages": [ASKED, called("a", "b"), answer("1", "b"), answer("2", "a"), SAID]}
    assert read_strictly(parse, rows) == parse(rows, conversation_id="1")
    repairs = RepairLog()
    row = {"tools": [TOOL], "messages": [ASKED, called("a", arguments="{'to': 'EUR'}")]}
    assert (
        parse(row, conversation_id="1", repairs=repairs).messages[1].tool_calls[0].arguments
        == '{"to": "EUR"}'
    )
    assert [repair.reason for repair in repairs.entries] == ["not quite JSON"]


ROW = {
    "tools": [TOOL, {"name": "get_time"}],
    "messages": [
        {"role": "system", "content": "Be brief."},
        ASKED,
        called("a", "b"),
        answer([{"type": "text", "text": "1"}], "a"),
        answer("2", "b"),
        SAID,
        ASKED,
        {"role": "assistant", "function_call": {"name": "get_time", "arguments": {"zone": None}}},
        {"role": "function", "name": "get_time", "content": {"hour": 7}},
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
        assert parse(json.loads(json.dumps(write_openai(conversation))), conversation_id="1") == conversation
        return
    assert 0 < len(fault.reason) < 60
    assert len(fault.excerpt) <= 200
    fault.excerpt.encode()


WHOLE = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="<>`[:✿"), min_size=1).filter(str.strip),
        st.lists(
            st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.text("a\n\"'\\é")),
            max_size=3,
        ),
        st.randoms(use_true_random=False),
    ),
    min_size=1,
    max_size=3,
)


@given(WHOLE)
def test_whole_rows_are_read_whole_and_written_back(
    exchanges: list[tuple[str, list[dict[str, object]], Any]],
) -> None:
    messages: list[dict[str, Any]] = []
    for text, calls, random in exchanges:
        messages.append({"role": "user", "content": text})
        if calls:
            calling = called(*map(str, range(len(calls))))
            for call, arguments in zip(calling["tool_calls"], calls, strict=True):
                call["function"]["arguments"] = json.dumps(arguments)
            answers = [answer(f"result {index}", str(index)) for index in range(len(calls))]
            random.shuffle(answers)
            messages += [calling, *answers]
        messages.append({"role": "assistant", "content": text})
    conversation = read(*messages)
    assert len(conversation.messages) == len(messages)
    for message in conversation.messages:
        results = {m.tool_call_id: m.content for m in conversation.messages if m.role == "tool"}
        assert [results[call.id] for call in message.tool_calls] == [
            f"result {index}" for index in range(len(message.tool_calls))
        ]
    assert parse(json.loads(json.dumps(write_openai(conversation))), conversation_id="1") == conversation


@pytest.mark.parametrize("arguments", ['{"to": "EUR"', '{"to": "EUR" \n', '{"to": {"of": ["EUR"]}'])
def test_a_last_brace_that_is_missing_is_mended(arguments: str) -> None:
    row = {"tools": [TOOL], "messages": [ASKED, called("a", arguments=arguments)]}
    repairs = RepairLog()
    (call,) = parse(row, conversation_id="1", repairs=repairs).messages[1].tool_calls
    assert json.loads(call.arguments) == json.loads(arguments + "}")
    assert [repair.reason for repair in repairs.entries] == ["last brace missing"]
    with pytest.raises(ChatFormatError, match=r"^needs repair: last brace missing$"):
        read_strictly(parse, row)


@pytest.mark.parametrize("arguments", ['{"to": {"of": "EUR"', '{"to": ["EUR"', '{"to": "EUR', "EUR"])
def test_more_than_one_is_not_guessed(arguments: str) -> None:
    assert reason(ASKED, called("a", arguments=arguments)) == "unparsable tool call"


def test_a_tool_without_parameters_needs_no_repair() -> None:
    tools = [{"type": "function", "function": {"name": "now", "description": "The time."}}]
    conversation = read_strictly(parse, {"tools": tools, "messages": [ASKED, SAID]})
    assert conversation.tools[0].parameters == '{"type": "object", "properties": {}}'
    others: list[dict[str, object]] = [{"parameters": None}, {"required": ["x"]}, {"parameters": {}}]
    for odd in others:
        with pytest.raises(ChatFormatError, match=r"^needs repair: "):
            read_strictly(parse, {"tools": [{"name": "now", **odd}], "messages": [ASKED, SAID]})
