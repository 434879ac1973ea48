"""Building a checked conversation from the turns of a row.

All formats share the rules for which result answers which call, how calls are numbered, and when a
conversation is complete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.call_forms import check_no_calls
from calibset.sources.chat_formats.named_calls import check_no_named_calls
from calibset.sources.chat_formats.result_forms import check_no_results
from calibset.sources.chat_formats.thoughts import check_no_thoughts
from calibset.sources.chat_formats.turns import Call, Result, Turn


def build_conversation(
    conversation_id: str,
    turns: Sequence[Turn],
    tools: tuple[Tool, ...],
    metadata: Mapping[str, str],
    repairs: RepairLog,
    *,
    any_form: bool = False,
) -> Conversation:
    """Return the conversation that the turns make, with results matched to the calls they answer.

    If only some calls of a turn were answered, the others are dropped. An exchange reaches from a user's
    turn to the assistant's last turn before the user's next one. An incomplete exchange is left out with
    everything after it; if it is the first, that is an error. Calls, results and thoughts that are in the
    words make an exchange incomplete. System turns at the head are joined, blank ones left out.

    Args:
        conversation_id: The conversation's id.
        turns: The turns of the row.
        tools: The tools that it declares.
        metadata: Its metadata.
        repairs: The log to add repairs to.
        any_form: Whether the corpus may write calls in any form, even one that only a tool's name shows.
    """
    turns = [turn for turn in turns if turn.role != "system" or turn.content.strip()]
    for role in ("user", "assistant"):
        if all(turn.role != role for turn in turns):
            raise ChatFormatError(f"no {role} turn")
    declared = {tool.name: tool for tool in tools}
    messages = _read_exchanges(turns, declared, repairs, any_form=any_form)
    _check_encodable("".join((conversation_id, *metadata.values())))
    _check_text(messages, tools)
    return Conversation(id=conversation_id, messages=tuple(messages), tools=tools, metadata=metadata)


def _read_exchanges(
    turns: Sequence[Turn], declared: Mapping[str, Tool], repairs: RepairLog, *, any_form: bool
) -> list[Message]:
    """Return the messages of the exchanges before the first that is not whole."""
    head = [turn.content for turn in takewhile(lambda turn: turn.role == "system", turns)]
    if len(head) > 1:
        repairs.note("system turns joined", head)
    messages = [Message(role="system", content="\n\n".join(head))] if head else []
    exchanges = _split_exchanges(turns[len(head) :])
    numbers = count()
    for index, exchange in enumerate(exchanges):
        try:
            is_last = index == len(exchanges) - 1
            read = _read_exchange(exchange, declared, numbers, repairs, is_last=is_last)
            if any_form:
                _check_named_calls(exchange, declared)
            messages += read
        except ChatFormatError as fault:
            if index == 0:
                raise
            # A question that nobody answered is no loss.
            left_out = (turn for lost in exchanges[index:] for turn in lost if turn.role == "assistant")
            loses = any(turn.calls or turn.content.strip() for turn in left_out)
            repairs.note(fault.reason, fault.excerpt, loses=loses, left_out="exchange")
            break
    return messages


def _split_exchanges(turns: Iterable[Turn]) -> list[list[Turn]]:
    """Split where a user speaks after the assistant; a greeting belongs to the first exchange."""
    exchanges: list[list[Turn]] = [[]]
    user_spoke = False
    for turn in turns:
        if turn.role == "user" and user_spoke and exchanges[-1][-1].role == "assistant":
            exchanges.append([])
        user_spoke = user_spoke or turn.role == "user"
        exchanges[-1].append(turn)
    return exchanges


def _read_exchange(
    turns: Sequence[Turn],
    declared: Mapping[str, Tool],
    numbers: Iterator[int],
    repairs: RepairLog,
    *,
    is_last: bool,
) -> list[Message]:
    """Return the messages of an exchange; only the last may end on calls that nothing answers."""
    _check_turns(turns, declared)
    attached = _attach_results(turns)
    messages: list[Message] = []
    for index, (turn, results) in enumerate(attached):
        for call in turn.calls:
            if call.name not in declared:
                raise ChatFormatError("call to an undeclared tool", call.name)
        may_end = is_last and index == len(attached) - 1
        messages += _build_messages(turn, results, numbers, repairs, may_end=may_end)
    return messages


def _check_turns(turns: Sequence[Turn], declared: Mapping[str, Tool]) -> None:
    for turn in turns:
        if turn.role == "system":
            raise ChatFormatError("system turn inside the conversation", turn.content)
        if turn.role in ("user", "assistant") and not turn.calls and not turn.content.strip():
            raise ChatFormatError(f"empty {turn.role} turn")
        if turn.role == "assistant":
            check_no_calls(turn.content, declared)
            check_no_thoughts(turn.content)
        elif turn.role == "user":
            check_no_results(turn.content)
    if turns[-1].role != "assistant":
        raise ChatFormatError(f"conversation ends in a {turns[-1].role} turn", turns[-1].content)


def _check_named_calls(turns: Iterable[Turn], declared: Collection[str]) -> None:
    for turn in turns:
        if turn.role == "assistant":
            check_no_named_calls(turn.content, declared)


def _attach_results(turns: Sequence[Turn]) -> list[tuple[Turn, list[Result]]]:
    """Return the turns but those of tools, each with the results of its calls."""
    attached: list[tuple[Turn, list[Result]]] = []
    for turn in turns:
        if turn.role != "tool":
            attached.append((turn, []))
        elif attached and attached[-1][0].calls:
            attached[-1][1].extend(turn.results)
        else:
            raise ChatFormatError("tool response without a call", [result.content for result in turn.results])
    return attached


def _build_messages(
    turn: Turn, results: list[Result], numbers: Iterator[int], repairs: RepairLog, *, may_end: bool
) -> list[Message]:
    if not turn.calls:
        return [Message(role=turn.role, content=turn.content, reasoning=turn.reasoning)]
    matched = _match_calls(turn.calls, results)
    if not results and not may_end:
        raise ChatFormatError("tool call without a response", turn.calls[0].name)
    indexes = sorted(matched) if results else range(len(turn.calls))
    if len(indexes) < len(turn.calls):
        names = [call.name for call in turn.calls]
        repairs.note("tool call without a response", names, loses=True, left_out="call")
    ids = {index: f"call_{next(numbers)}" for index in indexes}
    calls = tuple(
        ToolCall(id=ids[index], name=turn.calls[index].name, arguments=turn.calls[index].arguments)
        for index in indexes
    )
    answers = [
        Message(role="tool", content=result.content, tool_call_id=ids[index])
        for index, result in zip(matched, results, strict=True)
    ]
    calling = Message(role=turn.role, content=turn.content, reasoning=turn.reasoning, tool_calls=calls)
    return [calling, *answers]


def _match_calls(calls: Sequence[Call], results: Sequence[Result]) -> list[int]:
    """Return which call each result answers: the one of its id, or the first open one of its name."""
    if all(call.id for call in calls) and all(result.call_id for result in results):
        return _match_in_order([call.id for call in calls], [result.call_id for result in results])
    if any(result.name is None for result in results):
        if len(results) != len(calls):
            raise ChatFormatError("ambiguous tool response", results[0].content)
        return list(range(len(calls)))
    return _match_in_order([call.name for call in calls], [result.name for result in results])


def _match_in_order(calls: Sequence[str | None], results: Sequence[str | None]) -> list[int]:
    """Return for each key of a result the index of the first call of that key that is still open."""
    open_calls: dict[str | None, deque[int]] = {}
    for index, key in enumerate(calls):
        open_calls.setdefault(key, deque()).append(index)
    matched = []
    for key in results:
        if not open_calls.get(key):
            raise ChatFormatError("tool response without a call", key)
        matched.append(open_calls[key].popleft())
    return matched


def _check_text(messages: Iterable[Message], tools: Iterable[Tool]) -> None:
    for message in messages:
        _check_encodable(message.content + message.reasoning)
        for call in message.tool_calls:
            _check_encodable(call.name + call.arguments)
    for tool in tools:
        _check_encodable(tool.name + tool.description + tool.parameters)


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ChatFormatError("text with half a character", text) from None
