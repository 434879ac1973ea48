"""One change made to every text of a conversation, those inside JSON too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.core.text import dump_json

V = TypeVar("V", Conversation, Message, Tool, ToolCall)

# Escapes that hide a letter of a text in JSON, and long runs of spelled-out line ends and tabs.
_ESCAPES = re.compile(r"\\[^\"\\nrt]|(?:\\[nrt]){32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMap:
    """How the texts of a conversation are changed.

    Attributes:
        text: Changes a text.
        number: Changes a whole number in JSON; None leaves numbers alone.
        may_change: Returns whether anything in a JSON text may change. Parsing JSON takes most of the
            time, and usually nothing changes.
    """

    text: Callable[[str], str]
    number: Callable[[int], int] | None = None
    may_change: Callable[[str], bool] = bool


def map_texts(conversation: Conversation, change: Callable[[str], str] | TextMap) -> Conversation:
    """Return the conversation with every text changed: turns, arguments, results and tools.

    Arguments and parameters are JSON, so the texts inside are changed. Names of tools stay: a template
    maps them to valid ones.

    Args:
        conversation: The conversation; the object itself is not changed.
        change: How texts and numbers change, or a function that changes texts only.
    """
    if not isinstance(change, TextMap):
        change = TextMap(text=change)
    messages = tuple(_map_message(message, change) for message in conversation.messages)
    tools = tuple(_map_tool(tool, change) for tool in conversation.tools)
    return _replace(conversation, messages=messages, tools=tools)


def _map_message(message: Message, change: TextMap) -> Message:
    return _replace(
        message,
        content=change.text(message.content),
        reasoning=message.reasoning and change.text(message.reasoning),
        tool_calls=tuple(
            _replace(call, arguments=_map_json(call.arguments, change)) for call in message.tool_calls
        ),
    )


def _map_tool(tool: Tool, change: TextMap) -> Tool:
    return _replace(
        tool, description=change.text(tool.description), parameters=_map_json(tool.parameters, change)
    )


def _replace(value: V, **fields: Any) -> V:
    """Return a value with other fields; the value itself if they are the same, as most are."""
    if all(getattr(value, name) == field for name, field in fields.items()):
        return value
    return replace(value, **fields)


def _map_json(text: str, change: TextMap) -> str:
    """Return JSON with every text in it changed, keys too: templates may write them without quotes."""
    if text.isascii() and not _ESCAPES.search(text) and not change.may_change(text):
        return text

    def map_value(value: object) -> object:
        if isinstance(value, str):
            return change.text(value)
        if type(value) is int and change.number:  # not a bool
            return change.number(value)
        if isinstance(value, list):
            return [map_value(item) for item in value]
        if isinstance(value, dict):
            return dict(zip(_map_keys(value, change.text), map(map_value, value.values()), strict=True))
        return value

    try:
        return dump_json(map_value(json.loads(text)))
    except (ValueError, RecursionError):
        return change.text(text)


def _map_keys(table: dict[str, object], change: Callable[[str], str]) -> list[str]:
    """Return the changed keys; a key that equals an earlier one is numbered, so that none is lost."""
    keys: dict[str, None] = {}
    for key in table:
        changed, number = change(key), 1
        name = changed
        while name in keys:
            number += 1
            name = f"{changed}_{number}"
        keys[name] = None
    return list(keys)
