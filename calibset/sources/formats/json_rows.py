"""Rows of JSON Lines files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.text import replace_surrogates
from calibset.sources.formats.columns import EXCERPT_LENGTH
from calibset.sources.formats.json_files import json_text
from calibset.sources.sampling.files import is_large
from calibset.sources.sampling.line_blocks import peek_first_character
from calibset.storage.files import File, has_undecodable_bytes, read_first_character, read_lines

_SPACE = re.compile(r"[ \t\r\n]*")


def has_row_per_line(file: File) -> bool:
    """Return whether a file has a row a line; of a small ``.json`` file that isn't looked up."""
    return not file.stem.endswith(".json") or (is_large(file) and peek_first_character(file) != "[")


def json_rows(file: File) -> Iterator[tuple[int, str, Any]]:
    """Yield the number (from 0), the place and the value of each row; a `Rejection` where it is no JSON.

    A ``.json`` file that begins with a bracket is an array, everything else has one value a
    line; blank lines are counted but yield nothing.

    Raises:
        SourceError: An array is too large to be read.
    """
    if file.stem.endswith(".json") and read_first_character(file) == "[":
        yield from _array(file, json_text(file, keep_undecodable=True))
        return
    for number, line in enumerate(read_lines(file, keep_undecodable=True)):
        position = f"{file.name}:{number + 1}"
        if isinstance(line, Rejection):
            yield number, position, line
        elif line.strip():
            yield number, position, _value(line, position)


def _value(line: str, position: str) -> Any:
    if has_undecodable_bytes(line):
        return _rejection(position, line, "not valid UTF-8")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _rejection(position, line)


def _array(file: File, text: str) -> Iterator[tuple[int, str, Any]]:
    """Decode one element after the other, so that a file cut off gives what is whole."""
    decoder = json.JSONDecoder()
    offset = _after_space(text, text.index("[") + 1)
    number = 0
    while text[offset : offset + 1] != "]" or number:
        position = f"{file.name}#{number}"
        try:
            value, end = decoder.raw_decode(text, offset)
        except (ValueError, RecursionError):
            yield number, position, _rejection(position, text[offset : offset + EXCERPT_LENGTH])
            return
        faulty = has_undecodable_bytes(text[offset:end])
        yield number, position, _rejection(position, text[offset:end], "not valid UTF-8") if faulty else value
        end = _after_space(text, end)
        if text[end : end + 1] == "]":
            break
        number += 1
        if text[end : end + 1] != ",":
            position = f"{file.name}#{number}"
            yield number, position, _rejection(position, text[end : end + EXCERPT_LENGTH])
            return
        offset = _after_space(text, end + 1)


def _after_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _rejection(position: str, text: str, reason: str = "not valid JSON") -> Rejection:
    return Rejection(position=position, reason=reason, excerpt=replace_surrogates(text[:EXCERPT_LENGTH]))
