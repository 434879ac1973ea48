"""From the turns of a row, as a dialect reads them, to a checked `Conversation`.

What all dialects share: which result answers which call, how calls are numbered, and what
makes a dialogue whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from calibset.chat.dialect import DialectError
from calibset.chat.literals import json_text, parse_value
from calibset.document import Conversation, Message, Role, Tool, ToolCall

__all__ = ["Call", "Result", "Turn", "call_from_object", "conversation_of", "result_of", "turns_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call before it has an id.

    Attributes:
        name: The tool's name as the turn spells it.
        arguments: A JSON object, as text.
    """

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool gave back.

    Attributes:
        name: The tool that answers, where the corpus says so.
        content: JSON or text.
    """

    name: str | None
    content: str


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


def call_from_object(value: object, declared: Iterable[str]) -> Call:
    """Return the call that ``{"name": …, "arguments": {…}}`` stands for.

    Arguments may be an object, an object as text, or missing; the name may have slipped into
    the arguments if it is a declared one.

    Raises:
        DialectError: It stands for no call.

    Examples:
        >>> call_from_object({"name": "f", "arguments": '{"x": 1}'}, ["f"])
        Call(name='f', arguments='{"x": 1}')
    """
    try:
        if not isinstance(value, dict) or not value.keys() <= {"id", "type", "name", "arguments"}:
            raise DialectError("unparsable tool call", value)
        arguments = value.get("arguments")
        if isinstance(arguments, str) and arguments.strip():
            arguments = parse_value(arguments)
        if arguments in (None, "", []):
            arguments = {}
        name = value.get("name")
        if name is None and isinstance(arguments, dict) and arguments.get("name") in list(declared):
            name = arguments["name"]
            arguments = {key: item for key, item in arguments.items() if key != "name"}
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise DialectError("unparsable tool call", value)
        return Call(name=name, arguments=json_text(arguments))
    except ValueError:
        raise DialectError("unparsable tool call", value) from None


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
) -> Conversation:
    """Return the conversation that the turns make, results tied to the calls they answer.

    Where only some calls of a turn were answered, the others are dropped.

    Raises:
        DialectError: The dialogue is not whole.
    """
    _check_order(turns)
    declared = {tool.name for tool in tools}
    answered = _with_results(turns)
    numbers = count()
    messages: list[Message] = []
    for position, (turn, results) in enumerate(answered):
        for call in turn.calls:
            if call.name not in declared:
                raise DialectError("call to an undeclared tool", call.name)
        messages += _messages(turn, results, numbers, is_last=position == len(answered) - 1)
    if messages[-1].role == "tool":
        raise DialectError("conversation ends in a tool turn", messages[-1].content)
    _check_encodable("".join((conversation_id, *metadata.values())))
    _check_text(messages, tools)
    return Conversation(id=conversation_id, messages=tuple(messages), tools=tools, metadata=metadata)


def turns_of(conversation: Conversation) -> Iterator[Turn]:
    """Yield the turns of a conversation, results that follow each other as one turn."""
    names: dict[str | None, str] = {}
    results: list[Result] = []
    for message in conversation.messages:
        if message.role == "tool":
            results.append(Result(name=names.get(message.tool_call_id), content=message.content))
            continue
        if results:
            yield Turn(role="tool", results=tuple(results))
            results = []
        names.update((call.id, call.name) for call in message.tool_calls)
        calls = tuple(Call(name=call.name, arguments=call.arguments) for call in message.tool_calls)
        yield Turn(role=message.role, content=message.content, calls=calls)


def _check_order(turns: Sequence[Turn]) -> None:
    roles = [turn.role for turn in turns]
    for role in ("user", "assistant"):
        if role not in roles:
            raise DialectError(f"no {role} turn")
    if roles[-1] == "user":
        raise DialectError("conversation ends in a user turn", turns[-1].content)
    if "system" in roles[1:]:
        raise DialectError("system turn inside the conversation")
    for turn in turns:
        if turn.role in ("user", "assistant") and not turn.calls and not turn.content.strip():
            raise DialectError(f"empty {turn.role} turn")


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


def _messages(turn: Turn, results: list[Result], numbers: Iterator[int], *, is_last: bool) -> list[Message]:
    if not turn.calls:
        return [Message(role=turn.role, content=turn.content)]
    matched = _matched(turn.calls, results)
    if not results and not is_last:
        raise DialectError("tool call without a response", turn.calls[0].name)
    kept = sorted(matched) if results else range(len(turn.calls))
    ids = {place: f"call_{next(numbers)}" for place in kept}
    calls = tuple(
        ToolCall(id=ids[place], name=turn.calls[place].name, arguments=turn.calls[place].arguments)
        for place in kept
    )
    answers = [
        Message(role="tool", content=result.content, tool_call_id=ids[place])
        for place, result in zip(matched, results, strict=True)
    ]
    return [Message(role=turn.role, content=turn.content, tool_calls=calls), *answers]


def _matched(calls: Sequence[Call], results: Sequence[Result]) -> list[int]:
    """Return which call each result answers: the first of its name that is still open."""
    if any(result.name is None for result in results):
        if len(results) != len(calls):
            raise DialectError("ambiguous tool response", results[0].content)
        return list(range(len(calls)))
    open_calls: dict[str | None, deque[int]] = {}
    for place, call in enumerate(calls):
        open_calls.setdefault(call.name, deque()).append(place)
    matched = []
    for result in results:
        if not open_calls.get(result.name):
            raise DialectError("tool response without a call", result.name)
        matched.append(open_calls[result.name].popleft())
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
