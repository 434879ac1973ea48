"""Tool calls that stand between tags as JSON: ``<tool_call>{…}</tool_call>``."""

from __future__ import annotations

from collections.abc import Collection

from calibset.sources.chat_formats.base import DialectError, Repairs
from calibset.sources.chat_formats.literals import completed_value, is_json, read_value, skip_blank
from calibset.sources.chat_formats.turns import Call, call_from_object


def tagged_calls(
    text: str, tag: str, declared: Collection[str], repairs: Repairs | None = None
) -> tuple[str, tuple[Call, ...]]:
    """Return the prose before the first call and the calls of an assistant turn.

    A pair of tags holds one call or a list of them.

    Raises:
        DialectError: A call can't be read, or prose stands between or after the calls.

    Examples:
        >>> tagged_calls('One moment. <call>{"name": "f", "arguments": {}}</call>', "call", ["f"])
        ('One moment.', (Call(name='f', arguments='{}', id=None),))
    """
    prose, values, rest = tagged_values(text, tag, repairs)
    if rest:
        raise DialectError("prose after a tool call", rest)
    calls = []
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            calls.append(call_from_object(item, declared, repairs))  # noqa: PERF401 - clearer than two loops in one line
    return prose, tuple(calls)


def tagged_values(text: str, tag: str, repairs: Repairs | None = None) -> tuple[str, list[object], str]:
    """Return the text before the first tag, the values between tags, and the text after them.

    Without a tag the whole text is returned as it is.

    Raises:
        DialectError: What stands between tags is no value.
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    at = text.find(opening)
    if at < 0:
        return text, [], ""
    repairs = repairs or Repairs()
    values = []
    prose = text[:at].removesuffix("\\n")
    if len(prose) < at:
        repairs.note("escaped line breaks", text)
    while text.startswith(opening, at):
        value, at = _value_between(text, at + len(opening), opening, closing, repairs)
        values.append(value)
        at = skip_blank(text, at, repairs)
    return prose.strip(), values, text[at:].strip()


def _value_between(text: str, start: int, opening: str, closing: str, repairs: Repairs) -> tuple[object, int]:
    start = skip_blank(text, start, repairs)
    try:
        value, end = read_value(text, start)
    except ValueError:
        return _completed(text, start, closing, repairs)
    if isinstance(value, dict | list) and not is_json(text[start:end]):
        repairs.note("not quite JSON", text[start:end])
    # A brace too many after a whole object changes nothing.
    whole = end = skip_blank(text, end, repairs)
    while text.startswith("}", end):
        end = skip_blank(text, end + 1, repairs)
    if end > whole:
        repairs.note("extra brace", text[start:end])
    if text.startswith(closing, end):
        return value, end + len(closing)
    if end == len(text) or text.startswith(opening, end):
        repairs.note("closing tag missing", text[start:end])
        return value, end
    raise DialectError("unparsable tool call", text[start:])


def _completed(text: str, start: int, closing: str, repairs: Repairs) -> tuple[object, int]:
    """Read a body whose last brace is missing."""
    end = text.find(closing, start)
    body = text[start : end if end >= 0 else len(text)]
    try:
        value = completed_value(body)
    except ValueError:
        raise DialectError("unparsable tool call", body) from None
    repairs.note("last brace missing", body)
    if end < 0:
        repairs.note("closing tag missing", body)
        return value, len(text)
    return value, end + len(closing)
