"""Conversations in the form in which Hugging Face's chat templates take them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calibset.core.documents import Conversation, Message
from calibset.tokenizers.chat_templates.tool_names import valid_call_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What templates don't agree on.

    Attributes:
        in_parts: Whether content is a list of parts of text, as models that see pictures have it.
        arguments_as_text: Whether a call's arguments are JSON text, not an object.
    """

    in_parts: bool = False
    arguments_as_text: bool = False


TEXT = Form()
"""Content is text, and arguments are an object: what most templates take."""


def messages_of(conversation: Conversation, names: Mapping[str, str], form: Form) -> list[dict[str, Any]]:
    """Return a conversation's messages.

    Args:
        conversation: Whose.
        names: For each tool's name one that the template is given.
        form: How the template takes them.

    Raises:
        ValueError: A call's arguments are no JSON.
    """
    return [_message(conversation.id, message, names, form) for message in conversation.messages]


def tools_of(conversation: Conversation, names: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return a conversation's tools, or None if it has none.

    Raises:
        ValueError: A tool's parameters are no JSON.
    """
    written = [
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
    return written or None


def _message(conversation: str, message: Message, names: Mapping[str, str], form: Form) -> dict[str, Any]:
    content = [{"type": "text", "text": message.content}] if form.in_parts else message.content
    written: dict[str, Any] = {"role": message.role, "content": content}
    if message.role == "tool":
        written["tool_call_id"] = valid_call_id(conversation, message.tool_call_id or "")
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": valid_call_id(conversation, call.id),
                "type": "function",
                "function": {
                    "name": names[call.name],
                    "arguments": call.arguments if form.arguments_as_text else json.loads(call.arguments),
                },
            }
            for call in message.tool_calls
        ]
    return written
