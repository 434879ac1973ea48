"""What `openai` and `sharegpt` share: how a row holds turns, calls, tools and a system prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from calibset.core.documents import Conversation
from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.literals import mended_value
from calibset.sources.chat_formats.tool_schema import tools_from_json
from calibset.sources.chat_formats.turns import Call, Turn, call_from_object, conversation_of

_MEDIA = ("image", "images", "audio", "audios", "video", "videos")
_PLACEHOLDERS = ("<image>", "<audio>", "<video>")
_TAGGED = re.compile(r"<(?:tool_?call|function_?call)>\s*[\[{]", re.IGNORECASE)


def turns_in(column: object, repairs: Repairs) -> list[object]:
    """Return the turns that a column holds, as a list or as the JSON text of one.

    Raises:
        DialectError: It holds none.
    """
    turns = _parsed(column, repairs, "no conversation")
    if not isinstance(turns, list) or not turns:
        raise DialectError("no conversation", column)
    return turns


def calls_in(value: object, repairs: Repairs | None = None) -> tuple[Call, ...]:
    """Return the calls that a turn makes: one or a list, as JSON text or not, in OpenAI's form or bare.

    Raises:
        DialectError: Something in it stands for no call.

    Examples:
        >>> calls_in('{"name": "f", "arguments": {"x": 1}}')
        (Call(name='f', arguments='{"x": 1}', id=None),)
        >>> calls_in([{"id": "a1", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
        (Call(name='f', arguments='{}', id='a1'),)
    """
    repairs = repairs or Repairs()
    listed = _parsed(value, repairs)
    return tuple(_call(item, repairs) for item in (listed if isinstance(listed, list) else [listed]))


def conversation_from(
    row: Mapping[str, object], turns: Sequence[Turn], conversation_id: str, repairs: Repairs
) -> Conversation:
    """Return the conversation that the turns make with the row's ``tools`` and ``system``.

    Tools may be under ``functions`` as well. A system turn counts before the column.

    Raises:
        DialectError: The row is no whole conversation, one about pictures, sound or film, or one whose
            calls stand between tags, as another dialect has them.
    """
    _check_media(row, turns)
    for turn in turns:
        if turn.role == "assistant" and _TAGGED.search(turn.content):
            raise DialectError("tool call between tags", turn.content)
    tools = tools_from_json(row.get("tools"), repairs) or tools_from_json(row.get("functions"), repairs)
    return conversation_of(conversation_id, _with_system(turns, row.get("system")), tools, {}, repairs)


def _parsed(value: object, repairs: Repairs, fault: str = "unparsable tool call") -> object:
    if not isinstance(value, str):
        return value
    try:
        return mended_value(value, repairs)
    except ValueError:
        raise DialectError(fault, value) from None


def _call(item: object, repairs: Repairs) -> Call:
    item = _parsed(item, repairs)
    function = item.get("function", item) if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(function, dict):
        raise DialectError("unparsable tool call", item)
    arguments = function.get("arguments")
    if isinstance(arguments, str) and arguments.strip():
        arguments = _parsed(arguments, repairs)
    call = call_from_object({"name": function.get("name"), "arguments": arguments}, (), repairs)
    return replace(call, id=called if isinstance(called := item.get("id"), str) and called else None)


def _check_media(row: Mapping[str, object], turns: Sequence[Turn]) -> None:
    if any(row.get(column) for column in _MEDIA):
        raise DialectError("part that is no text", next(column for column in _MEDIA if row.get(column)))
    for turn in turns:
        # Anywhere else it may be spoken of: HTML has elements of these names.
        text = turn.content.strip() if turn.role == "user" else ""
        if text.startswith(_PLACEHOLDERS) or text.endswith(_PLACEHOLDERS):
            raise DialectError("part that is no text", text)


def _with_system(turns: Sequence[Turn], column: object) -> Sequence[Turn]:
    while turns and turns[0].role == "system":
        if turns[0].content.strip():
            return turns
        turns = turns[1:]
    if column is None:
        return turns
    if not isinstance(column, str):
        raise DialectError("malformed turn", column)
    return [Turn(role="system", content=column), *turns] if column.strip() else turns
