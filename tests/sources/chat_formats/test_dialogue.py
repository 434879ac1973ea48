"""A dialogue is the same in each spelling, and nothing that it says is lost silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.dialogue import parse
from tests.damage import damaged
from tests.sources.chat_formats.dialogue_writers import DIALOGUE_WRITERS, Row
from tests.sources.chat_formats.strict import read_strictly

SCHEMA = '{"type": "object", "properties": {"to": {"type": "string"}, "days": {"type": "integer"}}}'
TOOLS = tuple(Tool(name=name, description="A tool.", parameters=SCHEMA) for name in ("get_rate", "get_time"))
TOOL = {"name": "get_rate", "description": "A rate.", "parameters": json.loads(SCHEMA)}
ASKED = {"role": "user", "content": "Rates?"}
SAID = {"role": "assistant", "content": "1.5"}

TEXT = (
    st.text(st.characters(codec="utf-8", exclude_characters="<[{`"), min_size=1).map(str.strip).filter(bool)
)
ARGUMENTS = st.dictionaries(
    st.text(min_size=1, max_size=5), st.integers() | st.text() | st.lists(st.booleans()), max_size=3
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    messages = [Message(role="system", content=draw(TEXT))] if draw(st.booleans()) else []
    number = 0
    for _ in range(draw(st.integers(1, 2))):
        messages.append(Message(role="user", content=draw(TEXT)))
        arguments = draw(
            st.lists(st.tuples(st.sampled_from([tool.name for tool in TOOLS]), ARGUMENTS), max_size=2)
        )
        if arguments:
            calls = tuple(
                ToolCall(id=f"call_{number + i}", name=name, arguments=json.dumps(values, ensure_ascii=False))
                for i, (name, values) in enumerate(arguments)
            )
            number += len(calls)
            content, reasoning = draw(st.just("") | TEXT), draw(st.just("") | TEXT)
            messages.append(Message(role="assistant", content=content, reasoning=reasoning, tool_calls=calls))
            messages += [Message(role="tool", content=draw(TEXT), tool_call_id=call.id) for call in calls]
        messages.append(Message(role="assistant", content=draw(TEXT), reasoning=draw(st.just("") | TEXT)))
    return Conversation(id="1", messages=tuple(messages), tools=TOOLS)


@pytest.mark.parametrize("write", DIALOGUE_WRITERS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(conversation=conversations())
def test_a_dialogue_is_the_same_in_every_spelling(
    write: Callable[[Conversation], Row], conversation: Conversation
) -> None:
    row = json.loads(json.dumps(write(conversation)))
    assert read_strictly(parse, row) == conversation


WHOLE = Conversation(
    id="1",
    messages=(
        Message(role="user", content="Rates?"),
        Message(
            role="assistant",
            content="A moment.",
            reasoning="The euro.",
            tool_calls=(
                ToolCall(id="call_0", name="get_rate", arguments='{"to": "EUR"}'),
                ToolCall(id="call_1", name="get_time", arguments='{"days": 2}'),
            ),
        ),
        Message(role="tool", content="1.5", tool_call_id="call_0"),
        Message(role="tool", content="7", tool_call_id="call_1"),
        Message(role="assistant", content="1.5 at 7."),
    ),
    tools=TOOLS,
)


@given(damaged(*(write(WHOLE) for write in DIALOGUE_WRITERS)))
def test_any_row_is_a_conversation_or_a_known_fault(row: dict[str, object]) -> None:
    try:
        conversation = parse(row, conversation_id="1")
    except ChatFormatError as error:
        fault = error
    else:
        assert conversation.messages[-1].role == "assistant"
        return
    assert 0 < len(fault.reason) < 60
    assert len(fault.excerpt) <= 200


def read(*messages: object, **columns: object) -> Conversation:
    return parse({"tools": [TOOL], "messages": list(messages), **columns}, conversation_id="1")


def reason(*messages: object, **columns: object) -> str:
    with pytest.raises(ChatFormatError) as caught:
        read(*messages, **columns)
    return caught.value.reason


def repairs(*messages: object, **columns: object) -> list[str]:
    log = RepairLog()
    parse({"tools": [TOOL], "messages": list(messages), **columns}, conversation_id="1", repairs=log)
    return [entry.reason for entry in log.entries]


USERS = ["user", "Human", " USER "]
ASSISTANTS = ["assistant", "gpt", "chatgpt", "model", "bot", "Assistant"]
CALLERS = ["tool_call", "function_call", "Function-Call", "toolCall"]
RESULTS = ["tool", "tool_response", "tool_result", "function", "function_response", "observation", "ipython"]


@given(
    st.sampled_from([("role", "content"), ("from", "value")]),
    st.sampled_from(USERS),
    st.sampled_from(ASSISTANTS),
    st.sampled_from(CALLERS),
    st.sampled_from(RESULTS),
)
def test_roles_are_known_by_all_their_names(
    keys: tuple[str, str], user: str, assistant: str, call: str, tool: str
) -> None:
    turns = [
        ("developer", "Be brief."),
        (user, "Rates?"),
        (call, '{"name": "get_rate", "arguments": {"to": "EUR"}}'),
        (call, '{"name": "get_rate", "arguments": {"to": "CZK"}}'),
        (tool, "1.5"),
        (tool, "25"),
        (assistant, "1.5 and 25"),
    ]
    messages = read(*(dict(zip(keys, turn, strict=True)) for turn in turns)).messages
    assert [message.role for message in messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant",
    ]  # fmt: skip
    assert [each.arguments for each in messages[2].tool_calls] == ['{"to": "EUR"}', '{"to": "CZK"}']


def test_system_turns_at_the_head_are_joined() -> None:
    head = [
        {"role": "system", "content": "A."},
        {"role": "system", "content": None},
        {"role": "developer", "content": "B."},
    ]
    assert [m.content for m in read(*head, ASKED, SAID).messages] == ["A.\n\nB.", "Rates?", "1.5"]
    assert repairs(*head, ASKED, SAID) == ["system turns joined"]
    assert repairs(*head[:2], ASKED, {"role": "system", "content": " "}, SAID) == []
    assert reason(ASKED, head[0], SAID) == "system turn inside the conversation"


def test_a_system_column_that_is_not_used_is_told() -> None:
    turn = {"role": "system", "content": "A."}
    assert repairs(turn, ASKED, SAID, system="B.") == ["system column left out"]
    assert repairs(turn, ASKED, SAID, system="A.") == []


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (SAID | {"weight": 1, "name": "bob", "id": "x", "logprobs": {"a": 1}}, []),
        (SAID | {"score": 0.5, "good": True, "extra": None, "more": []}, []),
        (SAID | {"critique": "Too short."}, ["unknown key in a turn: critique"]),
        (SAID | {"alternatives": ["2"]}, ["unknown key in a turn: alternatives"]),
        (SAID | {"a key with spaces": "x"}, ["unknown key in a turn: …"]),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "1", "x": "y"}]},
            ["unknown key in a part: x"],
        ),
        (
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "c2"}, "1"]},
            ["encrypted reasoning left out"],
        ),
    ],
)
def test_text_under_an_unknown_key_is_told(turn: dict[str, object], expected: list[str]) -> None:
    assert repairs(ASKED, turn) == expected


def test_reasoning_under_the_key_of_another_speaker_is_told() -> None:
    assert repairs(ASKED | {"reasoning": "high"}, SAID) == ["unknown key in a turn: reasoning"]


THOUGHTS: list[dict[str, object]] = [
    {"content": "1.5", "reasoning_content": "Hm."},
    {"content": "1.5", "reasoning": " Hm.\n"},
    {"content": "1.5", "thinking": "Hm."},
    {"content": "1.5", "reasoning_content": "<think>\nHm.\n</think>"},
    {"content": "1.5", "reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
    {"content": "<think>\nHm.\n</think>\n\n1.5"},
    {"content": "<thinking>Hm.</thinking>1.5"},
    {"content": "<thought>\nHm.\n</thought>\n\n1.5"},
    {"content": "<reasoning>Hm.</reasoning>1.5"},
    {"content": "[THINK]Hm.[/THINK]1.5"},
    {"content": "Hm.\n</think>\n\n1.5"},
    {"content": "<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>1.5<|end_of_solution|>"},
    {"content": "<think>Hm.</think>1.5", "reasoning_content": "Hm."},
    {"content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "1.5"}]},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, "1.5"]},
    {"content": [{"type": "reasoning", "text": "Hm."}, {"type": "output_text", "text": "1.5"}]},
    {"parts": [{"text": "Hm.", "thought": True}, {"text": "1.5"}]},
]


@pytest.mark.parametrize("turn", THOUGHTS)
def test_reasoning_is_one_thing_however_it_is_written(turn: dict[str, object]) -> None:
    message = read_strictly(parse, {"messages": [ASKED, {"role": "assistant", **turn}]}).messages[1]
    assert (message.reasoning, message.content) == ("Hm.", "1.5")


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({"content": "<think>A</think>1.5", "reasoning": "B"}, "two keys that differ: reasoning"),
        ({"content": "1.5", "reasoning": "A", "thinking": "B"}, "two keys that differ: reasoning"),
        ({"content": "<think>A"}, "reasoning without an end"),
        ({"content": "1.5", "reasoning": {"plan": "A"}}, "unknown key in reasoning: plan"),
        ({"content": "1 <think>A</think> 2"}, "reasoning in the midst of words"),
        ({"content": "<think>A</think>"}, "empty assistant turn"),
    ],
)
def test_reasoning_that_is_in_doubt_is_refused(turn: dict[str, object], expected: str) -> None:
    assert reason(ASKED, {"role": "assistant", **turn}) == expected


def test_prose_about_reasoning_stays_prose() -> None:
    text = "It opens with `<think>` and ends with `</think>`.\n```\n<think>a</think>\n```"
    message = read(ASKED, {"role": "assistant", "content": text}).messages[1]
    assert (message.content, message.reasoning) == (text, "")
    assert (
        read({"role": "user", "content": "<think>a</think> b"}, SAID).messages[0].content
        == "<think>a</think> b"
    )


def test_thoughts_after_words_are_told() -> None:
    parts = ["1.5", {"type": "thinking", "thinking": "Hm."}]
    assert repairs(ASKED, {"role": "assistant", "content": parts}) == ["reasoning moved to the front"]


CALL = {"name": "get_rate", "arguments": {"to": "EUR"}}


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({"content": "A", "value": "B"}, "two keys that differ: text"),
        ({"content": "A", "parts": [{"type": "text", "text": "B"}]}, "two keys that differ: text"),
        (
            {"tool_calls": [CALL], "function_call": {"name": "get_rate", "arguments": {"to": "CZK"}}},
            "two keys that differ: calls",
        ),
        (
            {"content": [{"type": "tool_use", "name": "get_rate", "input": {}}, "So."]},
            "prose after a tool call",
        ),
        ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "part that is no text: image"),
        ({"content": "A", "images": ["aGk="]}, "part that is no text: image"),
        (
            {"content": [{"type": "tool_use", "name": "get_rate", "input": {}}], "value": "A"},
            "two keys that differ: text",
        ),
        ({"content": "A", "parts": [{"functionCall": CALL}]}, "two keys that differ: text"),
        ({"role": "tool_call", "content": "{}", "tool_calls": [CALL]}, "two keys that differ: calls"),
        ({"role": "tool", "content": "1", "tool_calls": [CALL]}, "tool call in a tool turn"),
        ({"content": [{"type": "tool_result", "content": "1"}]}, "tool response without a call"),
        ({"content": [{"type": "mystery", "data": "x"}]}, "part that is no text: mystery"),
        (
            {"content": [{"type": "tool_result", "content": "x", "extra": "y"}]},
            "unknown key in a result: extra",
        ),
    ],
)
def test_what_is_in_doubt_is_refused(turn: dict[str, object], expected: str) -> None:
    assert reason(ASKED, {"role": "assistant", **turn}) == expected


def test_the_same_calls_in_parts_and_under_a_key_are_the_same_calls() -> None:
    use = {"type": "tool_use", "id": "a", "name": "get_rate", "input": {"to": "EUR"}}
    turn = {"role": "assistant", "content": ["A moment.", use], "tool_calls": [CALL]}
    (_, message) = read(ASKED, turn).messages
    assert (message.content, len(message.tool_calls)) == ("A moment.", 1)


def test_a_part_with_call_and_result_is_two_turns() -> None:
    done = {"type": "tool-get_rate", "toolCallId": "a", "state": "output-available", "input": {"to": "EUR"}}
    invoked = {
        "toolCallId": "a",
        "toolName": "get_rate",
        "args": {"to": "EUR"},
        "result": "1.5",
        "state": "result",
    }
    for part in (done | {"output": "1.5"}, {"type": "tool-invocation", "toolInvocation": invoked}):
        messages = read(
            ASKED, {"role": "assistant", "parts": [part, {"type": "text", "text": "So."}]}
        ).messages
        assert [(m.role, m.content) for m in messages[1:]] == [
            ("assistant", ""), ("tool", "1.5"), ("assistant", "So."),
        ]  # fmt: skip
        assert messages[1].tool_calls[0].arguments == '{"to": "EUR"}'


def test_vercels_invocations_are_read_once_though_they_are_there_twice() -> None:
    invoked = {
        "toolCallId": "a",
        "toolName": "get_rate",
        "args": {"to": "EUR"},
        "result": "1.5",
        "state": "result",
    }
    parts = [{"type": "tool-invocation", "toolInvocation": invoked}, {"type": "text", "text": "So."}]
    turn = {"role": "assistant", "content": "So.", "toolInvocations": [invoked]}
    for spelled in (turn, turn | {"parts": parts}):
        messages = read_strictly(parse, {"tools": [TOOL], "messages": [ASKED, spelled]}).messages
        assert [(m.role, m.content) for m in messages[1:]] == [
            ("assistant", ""), ("tool", "1.5"), ("assistant", "So."),
        ]  # fmt: skip


def test_the_items_of_openais_responses_are_turns() -> None:
    call = {
        "type": "function_call",
        "call_id": "a",
        "name": "get_rate",
        "arguments": '{"to": "EUR"}',
        "id": "fc_1",
    }
    output = {"type": "function_call_output", "call_id": "a", "output": "1.5"}
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "1.5", "annotations": []}],
    }
    messages = read_strictly(parse, {"tools": [TOOL], "messages": [ASKED, call, output, said]}).messages
    assert [(m.role, m.content) for m in messages] == [
        ("user", "Rates?"), ("assistant", ""), ("tool", "1.5"), ("assistant", "1.5"),
    ]  # fmt: skip
    assert messages[1].tool_calls[0].arguments == '{"to": "EUR"}'
    assert reason(ASKED, call | {"extra": "x"}) == "unknown key in a tool call: extra"


def test_each_turn_may_be_json_text() -> None:
    assert read(json.dumps(ASKED), json.dumps(SAID)) == read(ASKED, SAID)


def test_a_call_whose_argument_spells_a_call_is_one_call() -> None:
    call = {"name": "get_rate", "arguments": {"to": '<tool_call>{"name": "get_rate"}</tool_call>'}}
    for turn in (
        {"role": "tool_call", "content": json.dumps(call)},
        {"role": "assistant", "content": json.dumps(call)},
        {"role": "assistant", "content": f"<tool_call>{json.dumps(call)}</tool_call>"},
        {"role": "assistant", "tool_calls": [call]},
    ):
        (_, message) = read(ASKED, turn).messages
        assert [json.loads(each.arguments) for each in message.tool_calls] == [call["arguments"]]


def test_a_system_prompt_may_be_blocks_of_text() -> None:
    for system in ([{"type": "text", "text": "A."}, {"type": "text", "text": "B."}], {"parts": ["A.", "B."]}):
        assert read(ASKED, SAID, system=system).messages[0].content == "A.\nB."
    assert reason(ASKED, SAID, system=[{"functionCall": CALL}]) == "malformed turn"


def test_langchain_names_the_speaker_by_type() -> None:
    messages = read({"type": "human", "content": "Rates?"}, {"type": "ai", "content": "1.5"}).messages
    assert [m.role for m in messages] == ["user", "assistant"]


def test_thoughts_before_a_call_that_follows_words_are_told() -> None:
    call = {"role": "tool_call", "content": "<think>Hm.</think>" + json.dumps(CALL)}
    assert repairs(ASKED, call) == []
    assert repairs(ASKED, SAID, call) == ["reasoning moved to the front"]


def test_a_result_may_be_objects_with_types_of_their_own() -> None:
    found = [{"type": "restaurant", "name": "U Fleků"}]
    messages = read(
        ASKED, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": found}, SAID
    ).messages
    assert json.loads(messages[2].content) == found


HERMES = 'Call with tags.\n<tools>\n[{"name": "get_rate", "parameters": {}}]\n</tools>'


def test_rows_of_hermes_are_read_without_the_prompt_that_lists_the_tools() -> None:
    row: dict[str, Any] = {
        "conversations": [
            {"from": "system", "value": HERMES},
            {"from": "human", "value": "Rates?"},
            {
                "from": "gpt",
                "value": '<tool_call>\n{"name": "get_rate", "arguments": {"to": "EUR"}}\n</tool_call>',
            },
            {
                "from": "tool",
                "value": '<tool_response>\n{"name": "get_rate", "content": "1.5"}\n</tool_response>',
            },
            {"from": "gpt", "value": "1.5"},
        ]
    }
    log = RepairLog()
    messages = parse(row, conversation_id="1", repairs=log).messages
    assert [(m.role, m.content) for m in messages] == [
        ("user", "Rates?"), ("assistant", ""), ("tool", "1.5"), ("assistant", "1.5"),
    ]  # fmt: skip
    assert "system prompt with tools left out" in [entry.reason for entry in log.entries]


@pytest.mark.parametrize("opening", ['[{"type": "thinking", "thinking": ', '{"text": ', '{"parts": ', "["])
def test_values_that_are_nested_without_end_are_a_fault(opening: str) -> None:
    closing = {'"': "}", "[": "]", "{": "}"}
    ends = "".join(closing[bracket] for bracket in reversed(opening) if bracket in "[{")
    for key in ("content", "reasoning"):
        turn = {"role": "assistant", key: json.loads(opening * 200 + '"a"' + ends * 200)}
        assert reason(ASKED, turn) in (
            "malformed turn",
            "part that is no text: parts",
            "unknown key in reasoning: parts",
        )


@pytest.mark.parametrize("key", ["system_prompt", "systemMessage", "available_tools", "tool_definitions"])
def test_a_column_of_instructions_or_tools_that_is_not_read_is_noted(key: str) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    read, full = ("tools", [{"name": "f"}]) if "tool" in key else ("system", "Be kind.")
    for row, reasons in (
        ({"messages": turns, key: "Be brief."}, [f"column not read: {key}"]),
        ({"messages": turns, key: ""}, []),
        ({"messages": turns, key: "Be brief.", read: full}, []),
        ({"messages": turns, "notes": "Be brief."}, []),
    ):
        repairs = RepairLog()
        parse(row, conversation_id="1", repairs=repairs)
        assert [repair.reason for repair in repairs.entries] == reasons


def test_more_turns_than_any_row_has_room_for_are_refused() -> None:
    exchange = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    with pytest.raises(ChatFormatError, match="too many turns"):
        parse({"messages": exchange * 10_001}, conversation_id="1")
