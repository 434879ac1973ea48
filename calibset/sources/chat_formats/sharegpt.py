"""The format of ShareGPT, with LLaMA-Factory's additions for tools.

A row holds ``conversations`` of ``{"from", "value"}``, and may hold ``system`` and ``tools``, a
JSON text. A turn from ``function_call`` is a call as JSON, or a list of calls; a turn from
``observation`` is the result of a call, or a list with the results of several calls. Calls
between tags in an assistant's text are another format, that of `hermes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from calibset.core.documents import Conversation, Role
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.literals import is_json, parse_value
from calibset.sources.chat_formats.row_fields import build_from_row, read_calls, read_turns
from calibset.sources.chat_formats.turns import Call, Result, Turn, read_role, result_from_value

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


def parse(
    row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
) -> Conversation:
    """Return the conversation that a row holds, or raise `ChatFormatError`.

    A call is joined to the assistant turn right before it, if there is one. Results answer the calls
    in their order.

    Examples:
        >>> row = {"tools": '[{"name": "now"}]', "conversations": [
        ...     {"from": "human", "value": "What time is it?"},
        ...     {"from": "function_call", "value": '{"name": "now", "arguments": {}}'}]}
        >>> parse(row, conversation_id="1").messages[1].tool_calls[0].name
        'now'
    """
    repairs = repairs or RepairLog()
    turns = _join_calls(_parse_turn(turn, repairs) for turn in read_turns(row.get("conversations"), repairs))
    return build_from_row(row, list(_split_results(turns, repairs)), conversation_id, repairs)


def _parse_turn(turn: object, repairs: RepairLog) -> Turn:
    if not isinstance(turn, dict) or "value" not in turn:
        raise ChatFormatError("malformed turn", turn)
    speaker, value = turn.get("from"), turn["value"]
    role = read_role(speaker, _ROLES)
    if speaker == "function_call":
        return Turn(role=role, calls=read_calls(value, repairs))
    if role == "tool" and value is not None:
        return Turn(role=role, results=(result_from_value(None, value),))
    if not isinstance(value, str):
        raise ChatFormatError("malformed turn", turn)
    return Turn(role=role, content=value)


def _join_calls(turns: Iterable[Turn]) -> list[Turn]:
    """Return the turns, calls joined with the assistant turn right before them."""
    joined: list[Turn] = []
    for turn in turns:
        if turn.calls and joined and joined[-1].role == "assistant":
            before = joined.pop()
            joined.append(Turn(role=turn.role, content=before.content, calls=before.calls + turn.calls))
        else:
            joined.append(turn)
    return joined


def _split_results(turns: Sequence[Turn], repairs: RepairLog) -> Iterator[Turn]:
    """Yield the turns, with a list of the results of several calls split up."""
    empty = Turn(role="user")
    for turn, before, after in zip(turns, [empty, *turns], [*turns[1:], empty], strict=False):
        is_only = len(turn.results) == 1 and not after.results
        if is_only and len(before.calls) > 1:
            yield replace(turn, results=_split_result(turn.results[0], before.calls, repairs))
        else:
            yield turn


def _split_result(result: Result, calls: Sequence[Call], repairs: RepairLog) -> tuple[Result, ...]:
    """Split a result that is a list of one item per call; any other result stays as it is."""
    try:
        values = parse_value(result.content)
    except ValueError:
        return (result,)
    if not isinstance(values, list) or len(values) != len(calls):
        return (result,)
    if not is_json(result.content):
        repairs.note("not quite JSON", result.content)
    names = [value.get("name") if isinstance(value, dict) else None for value in values]
    if sorted(map(str, names)) != sorted(call.name for call in calls):
        names = [None for _ in calls]  # in their order, then
    return tuple(map(result_from_value, names, values))
