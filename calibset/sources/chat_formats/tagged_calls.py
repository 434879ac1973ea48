"""Tool calls as JSON between tags: ``<tool_call>{…}</tool_call>``."""

from __future__ import annotations

from collections.abc import Collection

from calibset.sources.chat_formats.base import ChatFormatError, RepairLog
from calibset.sources.chat_formats.calls import check_keys, read_call
from calibset.sources.chat_formats.literals import is_json, parse_missing_brace, read_value, skip_blank
from calibset.sources.chat_formats.turns import Call


def read_tagged_calls(
    text: str, tag: str, declared: Collection[str], repairs: RepairLog
) -> tuple[str, tuple[Call, ...]]:
    """Return the prose before the first call and the calls of an assistant turn.

    A pair of tags holds one call or a list of them. Prose between or after the calls is an error.

    Examples:
        >>> text = 'One moment. <call>{"name": "f", "arguments": {}}</call>'
        >>> read_tagged_calls(text, "call", ["f"], RepairLog())
        ('One moment.', (Call(name='f', arguments='{}', id=None),))
    """
    prose, values, rest = read_tagged_values(text, tag, repairs)
    if rest:
        raise ChatFormatError("prose after a tool call", rest)
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return prose, tuple(read_call(item, repairs, declared, text_is_odd=True) for item in items)


def read_tagged_values(text: str, tag: str, repairs: RepairLog) -> tuple[str, list[object], str]:
    """Return the text before the first tag, the values between tags, and the text after them.

    Without a tag the whole text is returned as it is.
    """
    opening, closing = f"<{tag}>", f"</{tag}>"
    at = text.find(opening)
    if at < 0:
        return text, [], ""
    values = []
    prose = text[:at].removesuffix("\\n")
    if len(prose) < at:
        repairs.note("escaped line breaks", text)
    while text.startswith(opening, at):
        value, at = _read_body(text, at + len(opening), opening, closing, repairs)
        values.append(value)
        at = skip_blank(text, at, repairs)
    return prose.strip(), values, text[at:].strip()


def _read_body(text: str, start: int, opening: str, closing: str, repairs: RepairLog) -> tuple[object, int]:
    """Return the value between two tags, and the position after the closing one."""
    start = skip_blank(text, start, repairs)
    try:
        value, end = read_value(text, start)
    except ValueError:
        return read_body_without_brace(text, start, closing, repairs)
    check_keys(text[start:end])
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
    raise ChatFormatError("unparsable tool call", text[start:])


def read_body_without_brace(text: str, start: int, closing: str, repairs: RepairLog) -> tuple[object, int]:
    """Return a value whose last brace is missing, and the position after the closing tag if there is one."""
    end = text.find(closing, start)
    body = text[start : end if end >= 0 else len(text)]
    try:
        value = parse_missing_brace(body)
    except ValueError:
        raise ChatFormatError("unparsable tool call", body) from None
    repairs.note("last brace missing", body)
    if end < 0:
        repairs.note("closing tag missing", body)
        return value, len(text)
    return value, end + len(closing)
