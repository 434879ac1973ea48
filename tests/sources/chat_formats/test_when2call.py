from __future__ import annotations

import json

import pytest

from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.when2call import parse

TOOL = json.dumps(
    {"name": "get_rate", "parameters": {"type": "dict", "properties": {"to": {"type": "str, optional"}}}}
)
CALL = '{"name": "get_rate", "arguments": {"to": "EUR"}}'
ASKED = {"role": "user", "content": "Rate?"}


def sft(text: str) -> dict[str, object]:
    return {"tools": [TOOL], "messages": [ASKED, {"role": "assistant", "content": text}]}


def test_messages_that_end_with_the_answer() -> None:
    conversation = parse(sft("Which one?"), conversation_id="1")
    assert [(m.role, m.content) for m in conversation.messages] == [
        ("user", "Rate?"),
        ("assistant", "Which one?"),
    ]
    assert conversation.tools[0].parameters == '{"type": "object", "properties": {"to": {"type": "string"}}}'


@pytest.mark.parametrize(
    "row",
    [
        sft(f"<TOOLCALL>[{CALL}]</TOOLCALL>"),
        {
            "tools": [TOOL],
            "messages": [ASKED],
            "chosen_response": {"role": "assistant", "content": f"<TOOLCALL>[{CALL}]</TOOLCALL>"},
        },
        {"tools": [json.loads(TOOL)], "messages": [ASKED], "chosen_response": f"<TOOLCALL>{CALL}</TOOLCALL>"},
        {"tools": [TOOL], "question": "Rate?", "correct_answer": "tool_call", "answers": {"tool_call": CALL}},
        {
            "tools": [TOOL],
            "question": "Rate?",
            "correct_answer": "tool_call",
            "answers": {"tool_call": f"<TOOLCALL>[{CALL}]</TOOLCALL>"},
        },
    ],
)
def test_calls_in_every_kind_of_row(row: dict[str, object]) -> None:
    message = parse(row, conversation_id="1").messages[-1]
    (call,) = message.tool_calls
    assert (message.content, call.id, call.name, call.arguments) == (
        "",
        "call_0",
        "get_rate",
        '{"to": "EUR"}',
    )


@pytest.mark.parametrize("kind", ["direct", "request_for_info", "cannot_answer"])
def test_the_correct_answer_is_taken(kind: str) -> None:
    answers = dict.fromkeys(("direct", "tool_call", "request_for_info", "cannot_answer"), "wrong") | {
        kind: "right"
    }
    row = {"tools": [], "question": "Rate?", "correct_answer": kind, "answers": answers}
    conversation = parse(row, conversation_id="1")
    assert conversation.messages[-1].content == "right"
    assert conversation.metadata == {"correct_answer": kind}


def test_a_tool_s_answer_is_tied_to_its_call() -> None:
    messages = [
        ASKED,
        {"role": "assistant", "content": f"<TOOLCALL>[{CALL}]</TOOLCALL>"},
        {"role": "tool", "content": "1.50"},
        {"role": "assistant", "content": "It is 1.50."},
    ]
    answer = parse({"tools": [TOOL], "messages": messages}, conversation_id="1").messages[2]
    assert (answer.content, answer.tool_call_id) == ("1.50", "call_0")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (sft("<TOOLCALL>[{broken]</TOOLCALL>"), "unparsable tool call"),
        (sft('<TOOLCALL>[{"name": "get_time"}]</TOOLCALL>'), "call to an undeclared tool"),
        (sft(f"<TOOLCALL>[{CALL}]</TOOLCALL> there"), "prose after a tool call"),
        (sft("<TOOLCALL>[]</TOOLCALL>"), "empty assistant turn"),
        ({"messages": [ASKED]}, "no assistant turn"),
        ({"messages": []}, "no conversation"),
        ({"question": "Rate?"}, "no conversation"),
        ({"messages": [7]}, "malformed turn"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "unknown role"),
        ({"messages": [ASKED], "chosen_response": None}, "malformed turn"),
        ({"question": None, "correct_answer": "direct", "answers": {"direct": "x"}}, "malformed turn"),
        ({"question": "?", "correct_answer": "maybe", "answers": {"maybe": "x"}}, "unknown answer"),
        ({"question": "?", "correct_answer": ["direct"], "answers": {"direct": "x"}}, "unknown answer"),
        ({"question": "?", "correct_answer": "direct", "answers": None}, "unknown answer"),
        (
            {"question": "?", "correct_answer": "tool_call", "answers": {"tool_call": "{"}},
            "unparsable tool call",
        ),
        ({"tools": ["{"], "messages": [ASKED]}, "unparsable tools"),
    ],
)
def test_rows_that_can_t_be_repaired(row: dict[str, object], reason: str) -> None:
    with pytest.raises(ChatFormatError) as caught:
        parse(row, conversation_id="1")
    assert caught.value.reason == reason
