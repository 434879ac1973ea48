"""Rows of JSON Lines files, and of files that are one JSON value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.sampling.files import is_large
from calibset.sources.sampling.line_blocks import peek_first_character
from calibset.storage.files import File
from calibset.storage.text_lines import (
    describe_undecodable,
    has_undecodable_bytes,
    read_first_character,
    read_lines,
    read_whole_text,
)

MOST_VALUES = 2**24
"""The most values of a file that is read as a whole: a value of two characters takes up to ninety bytes."""

_SPACE = re.compile(r"[ \t\r\n]*")


def has_row_per_line(file: File) -> bool:
    """Return whether a file has one row per line; a small ``.json`` file isn't opened to find out."""
    return not file.stem.endswith(".json") or (is_large(file) and peek_first_character(file) != "[")


def read_json_rows(file: File) -> Iterator[tuple[int, str, Any]]:
    """Yield each row's number (from 0), position and value, which is a `Rejection` if it isn't JSON.

    A ``.json`` file that begins with a bracket is an array; any other file has one value per line. Blank
    lines are counted but yield nothing.
    """
    if file.stem.endswith(".json") and read_first_character(file) == "[":
        yield from _read_elements(file, read_json_text(file))
        return
    for number, line in enumerate(read_lines(file)):
        position = f"{file.name}:{number + 1}"
        if isinstance(line, Rejection):
            yield number, position, line
        elif line.strip():
            yield number, position, parse_json(line, position)


def parse_json(text: str, position: str) -> Any:
    """Return the value of a JSON text, or a `Rejection`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return Rejection(position=position, reason="not valid JSON", excerpt=excerpt(text))


def read_json_array(file: File) -> list[object]:
    """Return the rows of a file that holds one JSON array; a row that isn't in UTF-8 is a `Rejection`."""
    text = read_json_text(file)
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{file.name}: not valid JSON ({error}); it may be cut short: fetch the file again"
        ) from None
    if not isinstance(rows, list):
        raise SourceError(
            f"{file.name}: holds a JSON {type(rows).__name__}, not an array of rows; "
            "name the right files with files = [...]"
        )
    return [row for _, _, row in _read_elements(file, text)] if has_undecodable_bytes(text) else rows


def read_json_text(file: File) -> str:
    """Return the text of a file that is one JSON value, which must not be too large for memory.

    Bytes that are no text are kept, for `has_undecodable_bytes` to find.
    """
    text = str(read_whole_text(file, keep_undecodable=True))
    if len(text) > MOST_VALUES and sum(map(text.count, "[{,")) > MOST_VALUES:
        raise SourceError(
            f"{file.name}: holds more than {MOST_VALUES:,} JSON values, too many for a file that is read "
            "as a whole; split it, or leave it out with files = [...]"
        )
    return text


def _read_elements(file: File, text: str) -> Iterator[tuple[int, str, Any]]:
    """Decode an array one element after the other, so that a file cut off gives those that are whole."""
    decoder = json.JSONDecoder()
    offset = _skip_space(text, text.index("[") + 1)
    number = 0
    while text[offset : offset + 1] != "]" or number:
        position = f"{file.name}#{number}"
        try:
            value, end = decoder.raw_decode(text, offset)
        except (ValueError, RecursionError):
            yield number, position, _reject_rest(text, offset, position)
            return
        if has_undecodable_bytes(text[offset:end]):
            reason = describe_undecodable(file)
            value = Rejection(position=position, reason=reason, excerpt=excerpt(text[offset:end]))
        yield number, position, value
        end = _skip_space(text, end)
        if text[end : end + 1] == "]":
            break
        number += 1
        if text[end : end + 1] != ",":
            position = f"{file.name}#{number}"
            yield number, position, _reject_rest(text, end, position)
            return
        offset = _skip_space(text, end + 1)


def _skip_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _reject_rest(text: str, offset: int, position: str) -> Rejection:
    rest = text[offset : offset + 200]
    return Rejection(position=position, reason="not valid JSON", excerpt=excerpt(rest))
