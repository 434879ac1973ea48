"""Conversations as dictionaries: the messages and tools that chat templates and mistral-common take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calibset.core.documents import Conversation, Message, ToolCall
from calibset.tokenizers.chat_templates.reasoning import ReasoningKey
from calibset.tokenizers.chat_templates.tool_names import valid_call_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStyle:
    """The ways in which templates want messages written; most take the default.

    Attributes:
        content_parts: Whether content is a list of text parts, as models that see pictures take it.
        arguments_as_text: Whether a call's arguments are JSON text, not an object.
        null_content: Whether the content of a turn that only calls tools is null, not an empty text.
        ids_name_tools: Whether a call's id is ``functions.NAME:INDEX``, where the model reads the name.
        results_name_tools: Whether a result names the tool that it comes from.
        reasoning: Where the template looks for a turn's thoughts; None if it has no place for them.
    """

    content_parts: bool = False
    arguments_as_text: bool = False
    null_content: bool = False
    ids_name_tools: bool = False
    results_name_tools: bool = False
    reasoning: ReasoningKey | None = None


def build_messages(
    conversation: Conversation, names: Mapping[str, str], style: MessageStyle
) -> list[dict[str, Any]]:
    """Return a conversation's messages, tools renamed by `names`; ValueError if arguments aren't JSON."""
    calls = {call.id: call for message in conversation.messages for call in message.tool_calls}
    if style.ids_name_tools:
        ids = {call.id: f"functions.{names[call.name]}:{n}" for n, call in enumerate(calls.values())}
    else:
        ids = {call: valid_call_id(conversation.id, call) for call in calls}
    messages = []
    for message in conversation.messages:
        table: dict[str, Any] = {"role": message.role, "content": _build_content(message, style)}
        if message.reasoning and style.reasoning in ("reasoning_content", "reasoning", "thinking"):
            table[style.reasoning] = message.reasoning
        if message.role == "tool":
            answered = message.tool_call_id or ""
            table["tool_call_id"] = ids.get(answered) or valid_call_id(conversation.id, answered)
            if style.results_name_tools and answered in calls:
                table["name"] = names[calls[answered].name]
        if message.tool_calls:
            table["tool_calls"] = [
                _build_call(call, ids[call.id], names[call.name], style) for call in message.tool_calls
            ]
        messages.append(table)
    return messages


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


def _build_content(message: Message, style: MessageStyle) -> str | list[dict[str, str]] | None:
    text = message.content
    if message.reasoning and style.reasoning == "content":
        text = f"<think>\n{message.reasoning}\n</think>\n\n{text}"
    if message.reasoning and style.reasoning == "part":
        thought = {"type": "thinking", "thinking": message.reasoning}
        return [thought, {"type": "text", "text": text}] if text else [thought]
    if style.null_content and message.tool_calls and not text.strip():
        return None
    return [{"type": "text", "text": text}] if style.content_parts else text


def _build_call(call: ToolCall, call_id: str, name: str, style: MessageStyle) -> dict[str, Any]:
    arguments = call.arguments if style.arguments_as_text else json.loads(call.arguments)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
