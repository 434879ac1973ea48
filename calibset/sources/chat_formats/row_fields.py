"""The fields that rows of `openai` and `sharegpt` share: turns, calls, tools and a system prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.conversation_builder import build_conversation
from calibset.sources.chat_formats.literals import parse_with_repairs
from calibset.sources.chat_formats.tool_schema import read_tools
from calibset.sources.chat_formats.turns import Call, Turn, call_from_object

_MEDIA = ("image", "images", "audio", "audios", "video", "videos")
_PLACEHOLDERS = ("<image>", "<audio>", "<video>")
_TAGGED = re.compile(r"<(?:tool_?call|function_?call)>\s*[\[{]", re.IGNORECASE)


def read_turns(column: object, repairs: RepairLog) -> list[object]:
    """Return the turns that a column holds, as a list or as the JSON text of one."""
    turns = _parse_json(column, repairs, "no conversation")
    if not isinstance(turns, list) or not turns:
        raise ChatFormatError("no conversation", column)
    return turns


def read_calls(value: object, repairs: RepairLog) -> tuple[Call, ...]:
    """Return the calls of a turn: one or a list, as JSON text or values, in OpenAI's form or bare.

    Examples:
        >>> read_calls('{"name": "f", "arguments": {"x": 1}}', RepairLog())
        (Call(name='f', arguments='{"x": 1}', id=None),)
        >>> call = {"id": "a1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        >>> read_calls([call], RepairLog())
        (Call(name='f', arguments='{}', id='a1'),)
    """
    listed = _parse_json(value, repairs)
    return tuple(_parse_call(item, repairs) for item in (listed if isinstance(listed, list) else [listed]))


def build_from_row(
    row: Mapping[str, object], turns: Sequence[Turn], conversation_id: str, repairs: RepairLog
) -> Conversation:
    """Return the conversation that the turns make with the row's ``tools`` and ``system``.

    Tools may also be under ``functions``. A system turn takes precedence over the column. Rows with
    pictures, sound or film are refused, and so are rows with calls between tags, which `hermes` reads.
    """
    _check_media(row, turns)
    for turn in turns:
        if turn.role == "assistant" and _TAGGED.search(turn.content):
            raise ChatFormatError("tool call between tags", turn.content)
    tools = read_tools(row.get("tools"), repairs) or read_tools(row.get("functions"), repairs)
    return build_conversation(conversation_id, _add_system_turn(turns, row.get("system")), tools, {}, repairs)


def _parse_json(value: object, repairs: RepairLog, fault: str = "unparsable tool call") -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_with_repairs(value, repairs)
    except ValueError:
        raise ChatFormatError(fault, value) from None


def _parse_call(item: object, repairs: RepairLog) -> Call:
    item = _parse_json(item, repairs)
    function = item.get("function", item) if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(function, dict):
        raise ChatFormatError("unparsable tool call", item)
    arguments = function.get("arguments")
    if isinstance(arguments, str) and arguments.strip():
        arguments = _parse_json(arguments, repairs)
    call = call_from_object({"name": function.get("name"), "arguments": arguments}, (), repairs)
    call_id = item.get("id")
    return replace(call, id=call_id if isinstance(call_id, str) and call_id else None)


def _check_media(row: Mapping[str, object], turns: Sequence[Turn]) -> None:
    if column := next(filter(row.get, _MEDIA), None):
        raise ChatFormatError("part that is no text", column)
    for turn in turns:
        # Anywhere else it may be spoken of: HTML has elements of these names.
        text = turn.content.strip() if turn.role == "user" else ""
        if text.startswith(_PLACEHOLDERS) or text.endswith(_PLACEHOLDERS):
            raise ChatFormatError("part that is no text", text)


def _add_system_turn(turns: Sequence[Turn], column: object) -> Sequence[Turn]:
    while turns and turns[0].role == "system":
        if turns[0].content.strip():
            return turns
        turns = turns[1:]
    if column is None:
        return turns
    if not isinstance(column, str):
        raise ChatFormatError("malformed turn", column)
    return [Turn(role="system", content=column), *turns] if column.strip() else turns
