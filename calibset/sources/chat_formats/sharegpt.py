"""The form of ShareGPT, and what LLaMA-Factory added to it for tools.

A row holds ``conversations`` of ``{"from", "value"}``, and may hold ``system`` and ``tools``, a
JSON text. A turn from ``function_call`` is a call as JSON, or a list of calls; one from
``observation`` is what a tool gave back, or of several calls a list of what each gave. Calls
between tags in an assistant's text are another dialect, that of `hermes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from calibset.core.documents import Conversation, Role
from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.rows import calls_in, conversation_from, turns_in
from calibset.sources.chat_formats.turns import Call, Result, Turn, result_of

_ROLES: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}


def parse(row: Mapping[str, object], *, conversation_id: str, repairs: Repairs | None = None) -> Conversation:
    """Return the conversation that a row holds.

    A call goes with the assistant turn right before it, if there is one. Results answer the calls
    in their order.

    Args:
        row: As the corpus has it.
        conversation_id: The conversation's id.
        repairs: Where to note what had to be mended.

    Raises:
        DialectError: The row is no whole conversation.

    Examples:
        >>> row = {"tools": '[{"name": "now"}]', "conversations": [
        ...     {"from": "human", "value": "What time is it?"},
        ...     {"from": "function_call", "value": '{"name": "now", "arguments": {}}'}]}
        >>> parse(row, conversation_id="1").messages[1].tool_calls[0].name
        'now'
    """
    repairs = repairs or Repairs()
    turns = _joined(_turn(turn, repairs) for turn in turns_in(row.get("conversations"), repairs))
    return conversation_from(row, list(_parted(turns, repairs)), conversation_id, repairs)


def _turn(turn: object, repairs: Repairs) -> Turn:
    if not isinstance(turn, dict) or "value" not in turn:
        raise DialectError("malformed turn", turn)
    speaker, value = str(turn.get("from")), turn["value"]
    role = _ROLES.get(speaker)
    if role is None:
        raise DialectError("unknown role", turn.get("from"))
    if speaker == "function_call":
        return Turn(role=role, calls=calls_in(value, repairs))
    if role == "tool" and value is not None:
        return Turn(role=role, results=(result_of(None, value),))
    if not isinstance(value, str):
        raise DialectError("malformed turn", turn)
    return Turn(role=role, content=value)


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    joined: list[Turn] = []
    for turn in turns:
        if turn.calls and joined and joined[-1].role == "assistant":
            before = joined.pop()
            joined.append(Turn(role=turn.role, content=before.content, calls=before.calls + turn.calls))
        else:
            joined.append(turn)
    return joined


def _parted(turns: Sequence[Turn], repairs: Repairs) -> Iterator[Turn]:
    """Yield the turns, the results of several calls apart where they stand in one list."""
    empty = Turn(role="user")
    for turn, before, then in zip(turns, [empty, *turns], [*turns[1:], empty], strict=False):
        is_only = len(turn.results) == 1 and not then.results
        if is_only and len(before.calls) > 1:
            yield replace(turn, results=_results(turn.results[0], before.calls, repairs))
        else:
            yield turn


def _results(result: Result, calls: Sequence[Call], repairs: Repairs) -> tuple[Result, ...]:
    """Return a result for each call if the one result is a list of so many, or else the one."""
    try:
        listed = parse_value(result.content)
    except ValueError:
        return (result,)
    if not isinstance(listed, list) or len(listed) != len(calls):
        return (result,)
    if not is_json(result.content):
        repairs.note("not quite JSON", result.content)
    names = [item.get("name") if isinstance(item, dict) else None for item in listed]
    if sorted(map(str, names)) != sorted(call.name for call in calls):
        names = [None for _ in calls]  # in their order, then
    return tuple(map(result_of, names, listed))
