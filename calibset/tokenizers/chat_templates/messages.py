"""Conversations as dictionaries: the messages and tools that chat templates and mistral-common take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calibset.core.documents import Conversation, Message
from calibset.tokenizers.chat_templates.tool_names import valid_call_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStyle:
    """The ways in which templates want messages written; most take the default.

    Attributes:
        content_parts: Whether content is a list of text parts, as models that see pictures take it.
        arguments_as_text: Whether a call's arguments are JSON text, not an object.
    """

    content_parts: bool = False
    arguments_as_text: bool = False


def build_messages(
    conversation: Conversation, names: Mapping[str, str], style: MessageStyle
) -> list[dict[str, Any]]:
    """Return a conversation's messages, tools renamed by `names`; ValueError if arguments aren't JSON."""
    return [_build_message(conversation.id, message, names, style) for message in conversation.messages]


def build_tools(conversation: Conversation, names: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return a conversation's tools, or None if it has none; ValueError if parameters aren't JSON."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": names[tool.name],
                "description": tool.description,
                "parameters": json.loads(tool.parameters),
            },
        }
        for tool in conversation.tools
    ]
    return tools or None


def _build_message(
    conversation: str, message: Message, names: Mapping[str, str], style: MessageStyle
) -> dict[str, Any]:
    content = [{"type": "text", "text": message.content}] if style.content_parts else message.content
    table: dict[str, Any] = {"role": message.role, "content": content}
    if message.role == "tool":
        table["tool_call_id"] = valid_call_id(conversation, message.tool_call_id or "")
    if message.tool_calls:
        table["tool_calls"] = [
            {
                "id": valid_call_id(conversation, call.id),
                "type": "function",
                "function": {
                    "name": names[call.name],
                    "arguments": call.arguments if style.arguments_as_text else json.loads(call.arguments),
                },
            }
            for call in message.tool_calls
        ]
    return table
