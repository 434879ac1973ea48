"""The turns of a row, with calls and results, as a chat format reads them."""

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


def require_turns(column: object) -> list[object]:
    """Return the turns that a column holds, or raise `ChatFormatError` where it holds none."""
    if not isinstance(column, list) or not column:
        raise ChatFormatError("no conversation", column)
    return column


def read_role(speaker: object, roles: Mapping[str, Role]) -> Role:
    """Return the role of whoever speaks a turn, or raise `ChatFormatError`."""
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
    """Return the call that ``{"name": …, "arguments": {…}}`` stands for.

    Arguments may be an object, an object as text, or missing; the name may have slipped into
    the arguments if it is a declared one.

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
    """Return the result whose content is a value: text as it is, anything else as JSON."""
    try:
        return Result(name=name, content=value if isinstance(value, str) else dump_json(value))
    except ValueError:
        raise ChatFormatError("unparsable tool response", value) from None
