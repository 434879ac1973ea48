from __future__ import annotations

import json

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.tokenizers.chat_templates.messages import MessageStyle, build_messages, build_tools
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
