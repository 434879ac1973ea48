"""The format of OpenAI's chat completions, which most corpora and fine-tuning services use.

A row holds ``messages`` of ``{"role", "content"}`` and ``tools``. An assistant message calls tools with
``tool_calls`` (formerly ``function_call``); a message with the role ``tool`` (formerly ``function``) answers
the call that its ``tool_call_id`` names.

A model's reasoning before its answer (``reasoning_content``) is left out, since chat templates differ in
whether and where a model reads its own reasoning again.
"""

from __future__ import annotations

from collections.abc import Mapping

from calibset.core.documents import Conversation, Role
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.row_fields import build_from_row, read_calls, read_turns
from calibset.sources.chat_formats.turns import Result, Turn, read_role, result_from_value

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_REASONING = ("reasoning_content", "reasoning", "thinking")


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row holds, or raise `ChatFormatError`.

    If content is a list of text parts, they are joined by line breaks. Weights are ignored.

    Examples:
        >>> row = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ...                     {"role": "assistant", "content": "Hello", "weight": 0}]}
        >>> [message.content for message in parse(row, conversation_id="1").messages]
        ['Hi', 'Hello']
    """
    repairs = repairs or RepairLog()
    turns = [_parse_turn(message, repairs) for message in read_turns(row.get("messages"), repairs)]
    return build_from_row(row, turns, conversation_id, repairs)


def _parse_turn(message: object, repairs: RepairLog) -> Turn:
    if not isinstance(message, dict):
        raise ChatFormatError("malformed turn", message)
    role = read_role(message.get("role"), _ROLES)
    content = message.get("content")
    if role == "tool":
        return Turn(role=role, results=(_parse_result(message, content),))
    if role != "assistant":
        return Turn(role=role, content=_join_parts(content))
    if thought := next(filter(_is_thought, map(message.get, _REASONING)), None):
        repairs.note("reasoning left out", thought)
    calls = message.get("tool_calls") or message.get("function_call")
    return Turn(role=role, content=_join_parts(content), calls=read_calls(calls, repairs) if calls else ())


def _is_thought(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, list | dict) and bool(value)


def _parse_result(message: Mapping[str, object], content: object) -> Result:
    parts = content if isinstance(content, list) else ()
    is_text = parts and all(isinstance(part, dict) and "type" in part for part in parts)
    value = _join_parts(content) if content is None or is_text else content
    name, call_id = message.get("name"), message.get("tool_call_id")
    return Result(
        name=name if isinstance(name, str) and name else None,
        content=result_from_value(None, value).content,
        call_id=call_id if isinstance(call_id, str) and call_id else None,
    )


def _join_parts(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ChatFormatError("malformed turn", content)
    return "\n".join(map(_read_part, content))


def _read_part(part: object) -> str:
    if not isinstance(part, dict):
        raise ChatFormatError("malformed turn", part)
    if part.get("type") != "text":
        raise ChatFormatError("part that is no text", part.get("type"))
    if not isinstance(text := part.get("text"), str):
        raise ChatFormatError("malformed turn", part)
    return text
