r"""Reading JSON or Python literals out of text, without running anything.

Corpora mix the two freely: ``{"a": true}``, ``{'a': True}``, tuples, trailing commas, a
literal backslash and ``n`` where a line break was meant. One reader handles them all, in time
linear in the length of the text and with bounded nesting.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import NoReturn

from calibset.core.text import dump_json
from calibset.sources.chat_formats.base import RepairLog

MAX_DEPTH = 64
# Letters in which the values of a literal that is no JSON begin; they are read one by one, and at most twice.
# The longest record of the corpora at hand has 423,000.
_LONGEST = 1_500_000

_BLANK = re.compile(r"(?:\s|\\[nrt])*")
_STRING = {
    '"': re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL),
    "'": re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL),
}
_STRINGS = re.compile("|".join(pattern.pattern for pattern in _STRING.values()), re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0",
    "\n": "", "/": "/", "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]{0,400})(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]{1,4})?(?![\w.])")
_WORD = re.compile(r"(true|false|null|True|False|None)(?!\w)")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_value(text: str) -> object:
    """Return the single value that a text holds, or raise ValueError.

    Examples:
        >>> parse_value("{'open': True, 'days': (1, 2),}")
        {'open': True, 'days': [1, 2]}
    """
    value, end = read_value(text, 0)
    if skip_blank(text, end) != len(text):
        raise ValueError("text after the value")
    return value


def parse_missing_brace(text: str) -> object:
    """Return the value of a text whose last brace is missing; adding more than one would be guessing.

    Examples:
        >>> parse_missing_brace('{"name": "f", "arguments": {"x": 1}')
        {'name': 'f', 'arguments': {'x': 1}}
    """
    return parse_value(text.rstrip().removesuffix("\\n") + "}")


def parse_with_repairs(text: str, repairs: RepairLog) -> object:
    """Return the value that a text holds, adding a missing last brace if needed, and note its faults."""
    try:
        value = parse_value(text)
    except ValueError:
        value = parse_missing_brace(text)
        repairs.note("last brace missing", text)
        return value
    if not is_json(text):
        repairs.note("not quite JSON", text)
    return value


def read_value(text: str, start: int) -> tuple[object, int]:
    """Return the value that begins at an index, and the index after it, or raise ValueError.

    Examples:
        >>> read_value("n = 12, m", 4)
        (12, 6)
    """
    start = skip_blank(text, start)
    if text[start : start + 1] in ("{", "["):
        try:
            return _JSON.raw_decode(text, start)
        except (ValueError, RecursionError):
            pass
    return _read_any(text, start, MAX_DEPTH, start + _LONGEST)


def is_json(text: str) -> bool:
    """Return whether a text is valid JSON, and not only similar to it.

    Examples:
        >>> is_json('{"open": true}'), is_json("{'open': True}")
        (True, False)
    """
    try:
        _JSON.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def has_repeated_key(text: str) -> bool:
    """Return whether an object in a JSON text has two values under one key, of which a reader loses one.

    Examples:
        >>> has_repeated_key('{"x": 1, "x": 2}'), has_repeated_key('{"x": 1, "x": 1}')
        (True, False)
    """
    repeats = False

    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeats
        built: dict[str, object] = {}
        for key, value in pairs:
            repeats = repeats or built.setdefault(key, value) != value
        return built

    try:
        json.loads(text, object_pairs_hook=build)
    except (ValueError, RecursionError):
        return False
    return repeats


def has_escaped_blanks(text: str) -> bool:
    r"""Return whether a literal has a backslash outside its strings, such as ``\n`` for a line break."""
    return "\\" in text and "\\" in _STRINGS.sub("", text)


def skip_blank(text: str, start: int, repairs: RepairLog | None = None) -> int:
    r"""Return the index of the first character that is not white space.

    A literal backslash with ``n``, ``r`` or ``t`` counts as white space.
    """
    match = _BLANK.match(text, start)
    end = match.end() if match else start
    if repairs and "\\" in text[start:end]:
        repairs.note("escaped line breaks", text)
    return end


def _read_any(text: str, start: int, depth: int, last: int) -> tuple[object, int]:
    """Return the value at an index and the index after it; nothing may begin after the last one."""
    if depth == 0:
        raise ValueError("nested too deeply")
    if start > last:
        raise ValueError("too long")
    opening = text[start : start + 1]
    if opening == "{":
        return _read_mapping(text, start, depth, last)
    if opening in ("[", "("):
        return _read_sequence(text, start, depth, last)
    if opening in ('"', "'"):
        return _read_string(text, start)
    if (word := _WORD.match(text, start)) is not None:
        return _WORDS[word[1]], word.end()
    return _read_number(text, start)


def _read_number(text: str, start: int) -> tuple[object, int]:
    match = _NUMBER.match(text, start)
    if match is None:
        raise ValueError("no value")
    if not any(match.groups()):
        return int(match[0]), match.end()
    number = float(match[0])
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number, match.end()


def _read_string(text: str, start: int) -> tuple[str, int]:
    match = _STRING[text[start]].match(text, start)
    if match is None:
        raise ValueError("string without an end")
    body = match[1]
    if "\\" in body:
        # Two \uXXXX halves of one character are joined by the way through UTF-16.
        halves = _ESCAPE.sub(_unescape, body).encode("utf-16", "surrogatepass")
        body = halves.decode("utf-16", "surrogatepass")
    return body, match.end()


def _unescape(escape: re.Match[str]) -> str:
    name = escape[1]
    if len(name) > 1:
        number = int(name[1:], 16)
        if number > sys.maxunicode:
            raise ValueError("no such character")
        return chr(number)
    return _ESCAPED.get(name, escape[0])


def _read_sequence(text: str, start: int, depth: int, last: int) -> tuple[object, int]:
    closing = "]" if text[start] == "[" else ")"
    items: list[object] = []
    comma = False
    at = skip_blank(text, start + 1)
    while text[at : at + 1] != closing:
        item, at = _read_any(text, at, depth - 1, last)
        items.append(item)
        at, comma = _skip_comma(text, at, closing)
    if closing == ")" and len(items) == 1 and not comma:
        return items[0], at + 1
    return items, at + 1


def _read_mapping(text: str, start: int, depth: int, last: int) -> tuple[dict[str, object], int]:
    items: dict[str, object] = {}
    at = skip_blank(text, start + 1)
    while text[at : at + 1] != "}":
        key, at = _read_any(text, at, depth - 1, last)
        if isinstance(key, list | dict):
            raise ValueError("no key of an object")  # noqa: TRY004 - a fault of the text, not of a type
        at = skip_blank(text, at)
        if text[at : at + 1] != ":":
            raise ValueError("key without a value")
        item, at = _read_any(text, skip_blank(text, at + 1), depth - 1, last)
        items[key if isinstance(key, str) else dump_json(key)] = item
        at, _ = _skip_comma(text, at, "}")
    return items, at + 1


def _skip_comma(text: str, at: int, closing: str) -> tuple[int, bool]:
    at = skip_blank(text, at)
    if text[at : at + 1] == ",":
        return skip_blank(text, at + 1), True
    if text[at : at + 1] != closing:
        raise ValueError("item without an end")
    return at, False
