"""From the turns of a row, as a dialect reads them, to a checked `Conversation`.

What all dialects share: which result answers which call, how calls are numbered, and what
makes a dialogue whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from calibset.core.documents import Conversation, Message, Role, Tool, ToolCall
from calibset.core.text import json_text
from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.literals import mended_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call before it has an id.

    Attributes:
        name: The tool's name as the turn spells it.
        arguments: A JSON object, as text.
        id: What the corpus calls it, where it does.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool gave back.

    Attributes:
        name: The tool that answers, where the corpus says so.
        content: JSON or text.
        call_id: The id of the call that it answers, where the corpus says so.
    """

    name: str | None
    content: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a row.

    Attributes:
        role: Who speaks.
        content: What is said.
        calls: Calls of an assistant turn.
        results: Results of a tool turn.
    """

    role: Role
    content: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()


def call_from_object(value: object, declared: Iterable[str], repairs: Repairs | None = None) -> Call:
    """Return the call that ``{"name": …, "arguments": {…}}`` stands for.

    Arguments may be an object, an object as text, or missing; the name may have slipped into
    the arguments if it is a declared one.

    Raises:
        DialectError: It stands for no call.

    Examples:
        >>> call_from_object({"name": "f", "arguments": '{"x": 1}'}, ["f"])
        Call(name='f', arguments='{"x": 1}', id=None)
    """
    try:
        if not isinstance(value, dict) or not value.keys() <= {"id", "type", "name", "arguments"}:
            raise DialectError("unparsable tool call", value)
        repairs = repairs or Repairs()
        arguments = _arguments(value.get("arguments"), repairs)
        name = value.get("name")
        if name is None and isinstance(arguments, dict) and arguments.get("name") in list(declared):
            name = arguments["name"]
            arguments = {key: item for key, item in arguments.items() if key != "name"}
            repairs.note("name inside the arguments", value)
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise DialectError("unparsable tool call", value)
        return Call(name=name, arguments=json_text(arguments))
    except ValueError:
        raise DialectError("unparsable tool call", value) from None


def _arguments(given: object, repairs: Repairs) -> object:
    arguments = given
    if isinstance(given, str) and given.strip():
        repairs.note("arguments as text", given)
        arguments = mended_value(given, repairs)
    if arguments in (None, "", []):
        repairs.note("no arguments", given)
        return {}
    return arguments


def result_of(name: str | None, value: object) -> Result:
    """Return a result: text as it is, anything else as JSON.

    Raises:
        DialectError: JSON can't hold the value.
    """
    try:
        return Result(name=name, content=value if isinstance(value, str) else json_text(value))
    except ValueError:
        raise DialectError("unparsable tool response", value) from None


def conversation_of(
    conversation_id: str,
    turns: Sequence[Turn],
    tools: tuple[Tool, ...],
    metadata: Mapping[str, str],
    repairs: Repairs | None = None,
) -> Conversation:
    """Return the conversation that the turns make, results tied to the calls they answer.

    Where only some calls of a turn were answered, the others are dropped. An exchange, from a
    user's turn to the assistant's last before the next one, is left out if it is not whole, with
    all that follows it.

    Raises:
        DialectError: The first exchange is not whole.
    """
    repairs = repairs or Repairs()
    for role in ("user", "assistant"):
        if all(turn.role != role for turn in turns):
            raise DialectError(f"no {role} turn")
    messages = _whole_exchanges(turns, frozenset(tool.name for tool in tools), repairs)
    _check_encodable("".join((conversation_id, *metadata.values())))
    _check_text(messages, tools)
    return Conversation(id=conversation_id, messages=tuple(messages), tools=tools, metadata=metadata)


def _whole_exchanges(turns: Sequence[Turn], declared: Collection[str], repairs: Repairs) -> list[Message]:
    messages = []
    if turns[0].role == "system":
        messages.append(Message(role="system", content=turns[0].content))
    exchanges = _exchanges(turns[len(messages) :])
    numbers = count()
    for position, exchange in enumerate(exchanges):
        try:
            is_last = position == len(exchanges) - 1
            messages += _exchanged(exchange, declared, numbers, repairs, is_last=is_last)
        except DialectError as fault:
            if position == 0:
                raise
            repairs.note(fault.reason, fault.excerpt)
            break
    return messages


def _exchanges(turns: Iterable[Turn]) -> list[list[Turn]]:
    """Split where a user speaks after the assistant; a greeting belongs to the first exchange."""
    exchanges: list[list[Turn]] = [[]]
    asked = False
    for turn in turns:
        if turn.role == "user" and asked and exchanges[-1][-1].role == "assistant":
            exchanges.append([])
        asked = asked or turn.role == "user"
        exchanges[-1].append(turn)
    return exchanges


def _exchanged(
    turns: Sequence[Turn],
    declared: Collection[str],
    numbers: Iterator[int],
    repairs: Repairs,
    *,
    is_last: bool,
) -> list[Message]:
    """Return the messages of an exchange; only the last may end on calls that nothing answers."""
    _check_roles(turns)
    answered = _with_results(turns)
    messages: list[Message] = []
    for position, (turn, results) in enumerate(answered):
        for call in turn.calls:
            if call.name not in declared:
                raise DialectError("call to an undeclared tool", call.name)
        may_wait = is_last and position == len(answered) - 1
        messages += _messages(turn, results, numbers, repairs, may_wait=may_wait)
    return messages


def _check_roles(turns: Sequence[Turn]) -> None:
    for turn in turns:
        if turn.role == "system":
            raise DialectError("system turn inside the conversation")
        if turn.role in ("user", "assistant") and not turn.calls and not turn.content.strip():
            raise DialectError(f"empty {turn.role} turn")
    if turns[-1].role != "assistant":
        raise DialectError(f"conversation ends in a {turns[-1].role} turn", turns[-1].content)


def _with_results(turns: Sequence[Turn]) -> list[tuple[Turn, list[Result]]]:
    answered: list[tuple[Turn, list[Result]]] = []
    for turn in turns:
        if turn.role != "tool":
            answered.append((turn, []))
        elif answered and answered[-1][0].calls:
            answered[-1][1].extend(turn.results)
        else:
            raise DialectError("tool response without a call", [result.content for result in turn.results])
    return answered


def _messages(
    turn: Turn, results: list[Result], numbers: Iterator[int], repairs: Repairs, *, may_wait: bool
) -> list[Message]:
    if not turn.calls:
        return [Message(role=turn.role, content=turn.content)]
    matched = _matched(turn.calls, results)
    if not results and not may_wait:
        raise DialectError("tool call without a response", turn.calls[0].name)
    kept = sorted(matched) if results else range(len(turn.calls))
    if len(kept) < len(turn.calls):
        repairs.note("tool call without a response", [call.name for call in turn.calls])
    ids = {position: f"call_{next(numbers)}" for position in kept}
    calls = tuple(
        ToolCall(id=ids[position], name=turn.calls[position].name, arguments=turn.calls[position].arguments)
        for position in kept
    )
    answers = [
        Message(role="tool", content=result.content, tool_call_id=ids[position])
        for position, result in zip(matched, results, strict=True)
    ]
    return [Message(role=turn.role, content=turn.content, tool_calls=calls), *answers]


def _matched(calls: Sequence[Call], results: Sequence[Result]) -> list[int]:
    """Return which call each result answers: the one of its id, or the first open one of its name."""
    if all(call.id for call in calls) and all(result.call_id for result in results):
        return _first_open([call.id for call in calls], [result.call_id for result in results])
    if any(result.name is None for result in results):
        if len(results) != len(calls):
            raise DialectError("ambiguous tool response", results[0].content)
        return list(range(len(calls)))
    return _first_open([call.name for call in calls], [result.name for result in results])


def _first_open(calls: Sequence[str | None], results: Sequence[str | None]) -> list[int]:
    open_calls: dict[str | None, deque[int]] = {}
    for position, called in enumerate(calls):
        open_calls.setdefault(called, deque()).append(position)
    matched = []
    for answered in results:
        if not open_calls.get(answered):
            raise DialectError("tool response without a call", answered)
        matched.append(open_calls[answered].popleft())
    return matched


def _check_text(messages: Iterable[Message], tools: Iterable[Tool]) -> None:
    for message in messages:
        _check_encodable(message.content)
        for call in message.tool_calls:
            _check_encodable(call.name + call.arguments)
    for tool in tools:
        _check_encodable(tool.name + tool.description + tool.parameters)


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DialectError("text with half a character", text) from None
