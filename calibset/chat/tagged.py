"""Tool calls that stand between tags as JSON: ``<tool_call>{…}</tool_call>``."""

from __future__ import annotations

from collections.abc import Collection

from calibset.chat.dialect import DialectError
from calibset.chat.literals import parse_value, read_value, skip_blank
from calibset.chat.turns import Call, call_from_object

__all__ = ["tagged_calls", "tagged_values"]


def tagged_calls(text: str, tag: str, declared: Collection[str]) -> tuple[str, tuple[Call, ...]]:
    """Return the prose before the first call and the calls of an assistant turn.

    A pair of tags holds one call or a list of them.

    Raises:
        DialectError: A call can't be read, or prose stands between or after the calls.

    Examples:
        >>> tagged_calls('One moment. <call>{"name": "f", "arguments": {}}</call>', "call", ["f"])
        ('One moment.', (Call(name='f', arguments='{}'),))
    """
    prose, values, rest = tagged_values(text, tag)
    if rest:
        raise DialectError("prose after a tool call", rest)
    calls = []
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            calls.append(call_from_object(item, declared))  # noqa: PERF401 - clearer than two loops in one line
    return prose, tuple(calls)


def tagged_values(text: str, tag: str) -> tuple[str, list[object], str]:
    """Return the text before the first tag, the values between tags, and the text after them.

    Without a tag the whole text is returned as it is.

    Raises:
        DialectError: What stands between tags is no value.
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    at = text.find(opening)
    if at < 0:
        return text, [], ""
    values = []
    prose = text[:at].removesuffix("\\n").strip()
    while text.startswith(opening, at):
        value, at = _value_between(text, at + len(opening), opening, closing)
        values.append(value)
        at = skip_blank(text, at)
    return prose, values, text[at:].strip()


def _value_between(text: str, start: int, opening: str, closing: str) -> tuple[object, int]:
    try:
        value, end = read_value(text, start)
    except ValueError:
        return _repaired(text, start, closing)
    # A brace too many after a whole object changes nothing.
    while text.startswith("}", end := skip_blank(text, end)):
        end += 1
    if text.startswith(closing, end):
        return value, end + len(closing)
    if end == len(text) or text.startswith(opening, end):
        return value, end
    raise DialectError("unparsable tool call", text[start:])


def _repaired(text: str, start: int, closing: str) -> tuple[object, int]:
    """Read a body whose last brace is missing; more than one would be guessing."""
    end = text.find(closing, start)
    body = text[start : end if end >= 0 else len(text)]
    try:
        value = parse_value(body.rstrip().removesuffix("\\n") + "}")
    except ValueError:
        raise DialectError("unparsable tool call", body) from None
    return value, end + len(closing) if end >= 0 else len(text)
