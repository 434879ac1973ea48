from __future__ import annotations

import json
from dataclasses import replace

import pytest

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
from calibset.tokenizers.chat_templates.reasoning import ReasoningKey
from calibset.tokenizers.chat_templates.tool_names import valid_call_id

TALK = Conversation(
    id="row",
    messages=(
        Message(role="user", content="Rate?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(id="call_0", name="get rate", arguments='{"of": "€"}'),),
        ),
        Message(role="tool", content="1.1", tool_call_id="call_0"),
    ),
    tools=(Tool(name="get rate", description="Gives it.", parameters='{"type": "object"}'),),
)
NAMES = {"get rate": "get_rate"}


def test_messages_are_as_transformers_wants_them() -> None:
    call = valid_call_id("row", "call_0")
    function = {"name": "get_rate", "arguments": {"of": "€"}}
    assert build_messages(TALK, NAMES, MessageStyle()) == [
        {"role": "user", "content": "Rate?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": call, "type": "function", "function": function}],
        },
        {"role": "tool", "content": "1.1", "tool_call_id": call},
    ]


def test_arguments_may_be_text_and_content_parts() -> None:
    written = build_messages(TALK, NAMES, MessageStyle(content_parts=True, arguments_as_text=True))
    assert [message["content"] for message in written] == [
        [{"type": "text", "text": text}] for text in ("Rate?", "", "1.1")
    ]
    assert written[1]["tool_calls"][0]["function"]["arguments"] == '{"of": "€"}'


def test_tools_are_as_transformers_wants_them() -> None:
    function = {
        "name": "get_rate",
        "description": "Gives it.",
        "parameters": json.loads('{"type": "object"}'),
    }
    assert build_tools(TALK, NAMES) == [{"type": "function", "function": function}]
    assert build_tools(Conversation(id="row", messages=TALK.messages), NAMES) is None


THINKING = Conversation(
    id="row",
    messages=(
        Message(role="assistant", content="", reasoning="Ask.", tool_calls=TALK.messages[1].tool_calls),
        Message(role="tool", content="1.1", tool_call_id="call_0"),
        Message(role="assistant", content="It is 1.1.", reasoning="Tell."),
    ),
)


def test_empty_content_beside_calls_may_be_null() -> None:
    written = build_messages(TALK, NAMES, MessageStyle(null_content=True))
    assert [message["content"] for message in written] == ["Rate?", None, "1.1"]


def test_ids_may_name_the_tool_and_count_over_the_conversation() -> None:
    calling = TALK.messages[1]
    again = replace(calling, tool_calls=(ToolCall(id="call_1", name="get rate", arguments="{}"),))
    answer = replace(TALK.messages[2], tool_call_id="call_1")
    talk = replace(TALK, messages=(*TALK.messages, again, answer))
    written = build_messages(talk, NAMES, MessageStyle(ids_name_tools=True))
    assert written[1]["tool_calls"][0]["id"] == written[2]["tool_call_id"] == "functions.get_rate:0"
    assert written[3]["tool_calls"][0]["id"] == written[4]["tool_call_id"] == "functions.get_rate:1"


def test_results_may_name_the_tool() -> None:
    assert build_messages(TALK, NAMES, MessageStyle(results_name_tools=True))[2]["name"] == "get_rate"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_thoughts_stand_in_the_key_of_the_style(key: ReasoningKey) -> None:
    written = build_messages(THINKING, NAMES, MessageStyle(reasoning=key))
    assert [message.get(key) for message in written] == ["Ask.", None, "Tell."]
    assert [message["content"] for message in written] == ["", "1.1", "It is 1.1."]


def test_thoughts_may_stand_in_the_content() -> None:
    in_tags = build_messages(THINKING, NAMES, MessageStyle(reasoning="content", null_content=True))
    assert in_tags[0]["content"] == "<think>\nAsk.\n</think>\n\n"
    assert in_tags[2]["content"] == "<think>\nTell.\n</think>\n\nIt is 1.1."
    in_parts = build_messages(THINKING, NAMES, MessageStyle(reasoning="part"))
    assert in_parts[0]["content"] == [{"type": "thinking", "thinking": "Ask."}]
    assert in_parts[2]["content"] == [
        {"type": "thinking", "thinking": "Tell."},
        {"type": "text", "text": "It is 1.1."},
    ]


def test_without_a_place_thoughts_are_in_no_message() -> None:
    assert all("Tell." not in str(message) for message in build_messages(THINKING, NAMES, MessageStyle()))
