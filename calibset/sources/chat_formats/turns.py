"""The turns of a row, with calls and results, before they become messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from calibset.core.documents import Role
from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.literals import parse_with_repairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call before it has an id.

    Attributes:
        name: The tool's name as the turn spells it.
        arguments: A JSON object, as text.
        id: The call's id in the corpus; None if it has none.
    """

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a call.

    Attributes:
        name: The name of the tool; None if the corpus doesn't say.
        content: The result, as JSON or text.
        call_id: The id of the call that it answers; None if the corpus doesn't say.
    """

    name: str | None
    content: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a row.

    Attributes:
        role: Who speaks.
        content: The text of the turn.
        calls: The calls of an assistant turn.
        results: The results of a tool turn.
    """

    role: Role
    content: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()


def require_turns(column: object) -> list[object]:
    """Return the turns that a column holds, or raise `ChatFormatError` if it holds none."""
    if not isinstance(column, list) or not column:
        raise ChatFormatError("no conversation", column)
    return column


def read_role(speaker: object, roles: Mapping[str, Role]) -> Role:
    """Return the role of a turn's speaker, or raise `ChatFormatError`."""
    role = roles.get(str(speaker))
    if role is None:
        raise ChatFormatError("unknown role", speaker)
    return role


def read_turn_text(turn: object, roles: Mapping[str, Role], *, speaker: str, text: str) -> tuple[Role, str]:
    """Return the role and the text of a turn, by the keys that hold them, or raise `ChatFormatError`."""
    if not isinstance(turn, dict) or not isinstance(content := turn.get(text), str):
        raise ChatFormatError("malformed turn", turn)
    return read_role(turn.get(speaker), roles), content


def call_from_object(value: object, declared: Collection[str], repairs: RepairLog) -> Call:
    """Read a call from ``{"name": …, "arguments": {…}}``.

    Arguments may be an object, an object as text, or missing. A name inside the arguments is accepted if
    it is declared.

    Examples:
        >>> call_from_object({"name": "f", "arguments": '{"x": 1}'}, ["f"], RepairLog())
        Call(name='f', arguments='{"x": 1}', id=None)
    """
    try:
        if not isinstance(value, dict) or not value.keys() <= {"id", "type", "name", "arguments"}:
            raise ChatFormatError("unparsable tool call", value)
        arguments = _parse_arguments(value.get("arguments"), repairs)
        name = value.get("name")
        if (
            name is None and isinstance(arguments, dict) and arguments.get("name") in tuple(declared)
        ):  # whatever it is
            name = arguments["name"]
            arguments = {key: item for key, item in arguments.items() if key != "name"}
            repairs.note("name inside the arguments", value)
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise ChatFormatError("unparsable tool call", value)
        return Call(name=name, arguments=dump_json(arguments))
    except ValueError:
        raise ChatFormatError("unparsable tool call", value) from None


def _parse_arguments(value: object, repairs: RepairLog) -> object:
    arguments = value
    if isinstance(value, str) and value.strip():
        repairs.note("arguments as text", value)
        arguments = parse_with_repairs(value, repairs)
    if arguments in (None, "", []):
        repairs.note("no arguments", value)
        return {}
    return arguments


def result_from_value(name: str | None, value: object) -> Result:
    """Return a value as the result of a call: text as it is, anything else as JSON."""
    try:
        return Result(name=name, content=value if isinstance(value, str) else dump_json(value))
    except ValueError:
        raise ChatFormatError("unparsable tool response", value) from None
