"""The form of OpenAI's chat completions, which most corpora and fine-tuning services take.

A row holds ``messages`` of ``{"role", "content"}`` and ``tools``. An assistant message calls with
``tool_calls`` (once ``function_call``); a message of role ``tool`` (once ``function``) answers the
call of its ``tool_call_id``.

What a model thought before it spoke (``reasoning_content``) is left out, since chat templates
differ in whether and where a model reads its own thoughts again.
"""

from __future__ import annotations

from collections.abc import Mapping

from calibset.core.documents import Conversation, Role
from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.rows import calls_in, conversation_from, turns_in
from calibset.sources.chat_formats.turns import Result, Turn, result_of

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_REASONING = ("reasoning_content", "reasoning", "thinking")


def parse(row: Mapping[str, object], *, conversation_id: str, repairs: Repairs | None = None) -> Conversation:
    """Return the conversation that a row holds.

    Where content is a list of parts of text, they are joined by line breaks. Weights are ignored.

    Args:
        row: As the corpus has it.
        conversation_id: The conversation's id.
        repairs: Where to note what had to be mended.

    Raises:
        DialectError: The row is no whole conversation.

    Examples:
        >>> row = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ...                     {"role": "assistant", "content": "Hello", "weight": 0}]}
        >>> [message.content for message in parse(row, conversation_id="1").messages]
        ['Hi', 'Hello']
    """
    repairs = repairs or Repairs()
    turns = [_turn(message, repairs) for message in turns_in(row.get("messages"), repairs)]
    return conversation_from(row, turns, conversation_id, repairs)


def _turn(message: object, repairs: Repairs) -> Turn:
    if not isinstance(message, dict):
        raise DialectError("malformed turn", message)
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise DialectError("unknown role", message.get("role"))
    content = message.get("content")
    if role == "tool":
        return Turn(role=role, results=(_result(message, content),))
    if role == "assistant" and (thought := next(filter(_says_something, map(message.get, _REASONING)), None)):
        repairs.note("reasoning left out", thought)
    calls = message.get("tool_calls") or message.get("function_call") if role == "assistant" else None
    return Turn(role=role, content=_text(content), calls=calls_in(calls, repairs) if calls else ())


def _says_something(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else isinstance(value, list | dict) and bool(value)


def _result(message: Mapping[str, object], content: object) -> Result:
    listed = content if isinstance(content, list) else ()
    is_parts = listed and all(isinstance(part, dict) and "type" in part for part in listed)
    value = _text(content) if content is None or is_parts else content
    name, call_id = message.get("name"), message.get("tool_call_id")
    return Result(
        name=name if isinstance(name, str) and name else None,
        content=result_of(None, value).content,
        call_id=call_id if isinstance(call_id, str) and call_id else None,
    )


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise DialectError("malformed turn", content)
    return "\n".join(map(_part, content))


def _part(part: object) -> str:
    if not isinstance(part, dict):
        raise DialectError("malformed turn", part)
    if part.get("type") != "text":
        raise DialectError("part that is no text", part.get("type"))
    if not isinstance(text := part.get("text"), str):
        raise DialectError("malformed turn", part)
    return text
