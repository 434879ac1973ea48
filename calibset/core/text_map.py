"""A change made to every text of a document or conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from calibset.core.documents import Conversation, Message
from calibset.core.text import dump_json

# What a text in JSON may hold without its letters standing there, and runs of blanks spelled out.
_HIDDEN = re.compile(r"\\[^\"\\nrt]|(?:\\[nrt]){32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMap:
    """What becomes of the texts of a conversation.

    Attributes:
        text: Of a text.
        number: Of a whole number in JSON, if anything.
        may_change: Whether any of it may change something in JSON, given all of that: to read JSON takes
            most of the time, and mostly nothing changes.
    """

    text: Callable[[str], str]
    number: Callable[[int], int] | None = None
    may_change: Callable[[str], bool] = bool


def map_texts(conversation: Conversation, change: Callable[[str], str] | TextMap) -> Conversation:
    """Return the conversation with every text in it changed: turns, arguments, results and tools.

    Of arguments and parameters, which are JSON, the texts inside are changed. Names of tools stay: a
    template maps them to valid ones.
    """
    if not isinstance(change, TextMap):
        change = TextMap(text=change)
    return replace(
        conversation,
        messages=tuple(_message(message, change) for message in conversation.messages),
        tools=tuple(
            replace(
                tool,
                description=change.text(tool.description),
                parameters=_in_json(tool.parameters, change),
            )
            for tool in conversation.tools
        ),
    )


def _message(message: Message, change: TextMap) -> Message:
    calls = tuple(replace(call, arguments=_in_json(call.arguments, change)) for call in message.tool_calls)
    return replace(message, content=change.text(message.content), tool_calls=calls)


def _in_json(text: str, change: TextMap) -> str:
    """Return JSON with every text in it changed, keys too: templates write them without quotes as well."""
    if text.isascii() and not _HIDDEN.search(text) and not change.may_change(text):
        return text

    def changed(value: object) -> object:
        if isinstance(value, str):
            return change.text(value)
        if type(value) is int and change.number:  # not a bool
            return change.number(value)
        if isinstance(value, list):
            return [changed(item) for item in value]
        if isinstance(value, dict):
            return dict(zip(_changed_keys(value, change.text), map(changed, value.values()), strict=True))
        return value

    try:
        return dump_json(changed(json.loads(text)))
    except (ValueError, RecursionError):
        return change.text(text)


def _changed_keys(table: dict[str, object], change: Callable[[str], str]) -> list[str]:
    """Return the keys changed; one that would then be another's is numbered, so that none is lost."""
    keys: dict[str, None] = {}
    for key in table:
        wanted, number = change(key), 1
        name = wanted
        while name in keys:
            number += 1
            name = f"{wanted}_{number}"
        keys[name] = None
    return list(keys)
