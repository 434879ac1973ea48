"""Rows of JSON files: values on lines of their own, arrays, objects of many lines, rows under a key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any

from pydantic import Field

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.sampling.files import is_looked_into
from calibset.sources.sampling.line_blocks import BlockFile, peek_first_line
from calibset.storage.files import File
from calibset.storage.text_lines import (
    describe_undecodable,
    has_undecodable_bytes,
    read_lines,
    read_whole_text,
)

MOST_VALUES = 2**24
"""The most values of a file that is read as a whole: a value of two characters takes up to ninety bytes."""

_SPACE = re.compile(r"[ \t\r\n]*")
_ROWS_KEYS = ("data", "rows", "records", "examples", "items", "samples", "instances", "dialogues", "train")


def has_row_per_line(file: File) -> bool:
    """Return whether a file has one row per line; a small file isn't opened to find out."""
    if not is_looked_into(file):
        return not _may_be_array(file)
    return _has_lines(*peek_first_line(file), any_array=_may_be_array(file))


def require_row_per_line(file: File) -> None:
    """Raise `SourceError` if a file that was taken for lines by its name holds JSON in another form."""
    if not _has_lines(*peek_first_line(file), any_array=False):
        raise SourceError(
            f"{file.name}: holds a JSON array or object of many lines, not a row on each line; "
            "give it the ending .json, with which it is read as a whole"
        )


RowsPath = Annotated[
    str | None,
    Field(
        min_length=1,
        description="Where in a JSON file the rows are: the key of a list, or a dotted path such as "
        "`data.items`, which leads through objects and the items of lists. If unset, a list under `data`, "
        "`rows` or the like is found if a file holds a single object.",
    ),
]
"""The recipe key ``rows_at`` of sources that read JSON."""


def read_json_rows(
    file: File, columns: Sequence[str] = (), *, rows_at: str | None = None
) -> Iterator[tuple[int, str, Any]]:
    """Yield each row's number (from 0), position and value, which is a `Rejection` if it isn't JSON.

    What is inside decides, not the ending: a value per line, an array, or objects of several lines. If a
    file is a single object whose rows are under a key such as ``data``, and that has none of the columns
    itself, its rows are yielded. Blank lines are counted but yield nothing.

    Args:
        file: The file to read.
        columns: The columns by which a row is known.
        rows_at: The dotted path of the rows in each value of the file.

    Raises:
        SourceError: There are no rows at this path.
    """
    rows = _read_values(file)
    if rows_at is not None:
        yield from _read_rows_at(rows, rows_at, file)
        return
    first = next(rows, None)
    if first is None:
        return
    second = next(rows, None)
    is_only = second is None and not isinstance(file, BlockFile)
    if is_only and (inner := _find_inner_rows(first[2], columns)):
        for number, row in enumerate(inner):
            position = f"{file.name}#{number}"
            yield number, position, _reject_doubled(row, position)
        return
    yield first
    if second is not None:
        yield second
    yield from rows


def _read_rows_at(
    values: Iterator[tuple[int, str, Any]], path: str, file: File
) -> Iterator[tuple[int, str, Any]]:
    """Yield the rows at a path in each value of a file."""
    number, keys = 0, ""
    for _, _, value in values:
        if isinstance(value, Rejection):
            yield number, value.position, value
            number += 1
            continue
        keys = keys or (", ".join(value) if isinstance(value, dict) else f"a {type(value).__name__}")
        for row in _walk(value, path):
            position = f"{file.name}#{number}"
            yield number, position, _reject_doubled(row, position)
            number += 1
    if not number:
        raise SourceError(
            f"{file.name}: no rows at {path!r}; it holds {excerpt(keys) or 'nothing'}: "
            "name the key of the list with rows_at = …"
        )


def _walk(value: Any, path: str) -> Iterator[Any]:
    """Yield the items at a dotted path, which leads through every item of the lists on its way."""
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path) if path else (item,)
    elif not path:
        return
    elif isinstance(value, dict):
        ends = [index for index, character in enumerate(path) if character == "."]
        # The longest key first: names may hold dots.
        for end in (len(path), *reversed(ends)):
            if path[:end] in value:
                yield from _walk(value[path[:end]], path[end + 1 :])
                return


class _Doubled(dict[str, Any]):
    """An object in which a key is there twice, so that a value of it is lost."""


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else _Doubled(made)


# One for all rows, since it takes as long to make as a short row takes to read.
_DECODER = json.JSONDecoder(object_pairs_hook=_make_object)


def _reject_doubled(value: Any, position: str) -> Any:
    """Return a row as it is, or a `Rejection` if it has a key twice: either value might be meant."""
    if isinstance(value, _Doubled):
        return Rejection(position=position, reason="a key is there twice", excerpt=excerpt(", ".join(value)))
    return value


def parse_json(text: str, position: str) -> Any:
    """Return the value of a JSON text, or a `Rejection`."""
    try:
        return _reject_doubled(_DECODER.decode(text), position)
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
    return [row for _, _, row in _decode_values(file, text)] if has_undecodable_bytes(text) else rows


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


def _read_values(file: File) -> Iterator[tuple[int, str, Any]]:
    # Opened once, for its first line and for all: an archive may have a hundred thousand files.
    lines: Iterator[tuple[int, str | Rejection]] = enumerate(read_lines(file))
    if not isinstance(file, BlockFile):
        first = next(((number, line) for number, line in lines if not _is_blank(line)), None)
        if first is None:
            return
        beginning = first[1].excerpt if isinstance(first[1], Rejection) else first[1]
        is_cut = isinstance(first[1], Rejection)
        if not _has_lines(beginning, is_cut, any_array=_may_be_array(file)):
            values = _decode_values(file, read_json_text(file))
            value = next(values, None)
            if beginning.lstrip().startswith("[") or (value and not isinstance(value[2], Rejection)):
                yield from chain([value] if value else [], values)
                return
            # A line that was cut off, then, and not the beginning of an object.
        lines = chain((first,), lines)
    for number, line in lines:
        position = f"{file.name}:{number + 1}"
        if isinstance(line, Rejection):
            yield number, position, line
        elif not _is_blank(line):
            yield number, position, parse_json(line, position)


def _is_blank(line: str | Rejection) -> bool:
    return isinstance(line, str) and not line.strip()


def _may_be_array(file: File) -> bool:
    return file.stem.endswith(".json")


def _has_lines(line: str, is_cut: bool, *, any_array: bool) -> bool:
    """Return whether a file has a value per line, by its first line, which may be cut."""
    line = line.strip()
    if line.startswith("["):
        # Lines that are arrays of plain values are no rows, but not parts of one array either.
        return not any_array and line[1:].lstrip()[:1] not in ("", "{")
    if is_cut or not line.startswith("{") or not line.endswith(("{", "[", ",", ":")):
        return True
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _find_inner_rows(value: object, columns: Sequence[str]) -> list[object] | None:
    """Return the rows under a key of an object that is no row itself."""
    if not isinstance(value, dict) or any(column in value for column in columns):
        return None
    lists = [rows for key in _ROWS_KEYS if isinstance(rows := value.get(key), list) and rows]
    if len(lists) != 1 or not all(isinstance(row, dict) for row in lists[0]):
        return None
    return lists[0]


def _decode_values(file: File, text: str) -> Iterator[tuple[int, str, Any]]:
    """Decode values, and arrays by their elements, so that a file cut off gives those that are whole."""
    number, offset, in_array = 0, _skip_space(text, 0), False
    while offset < len(text) or in_array:
        opening = text[offset : offset + 1]
        if opening == "[" and not in_array:
            in_array, offset = True, _skip_space(text, offset + 1)
            if text[offset : offset + 1] == "]":
                in_array, offset = False, _skip_space(text, offset + 1)
            continue
        position = f"{file.name}#{number}"
        try:
            value, end = _DECODER.raw_decode(text, offset)
        except (ValueError, RecursionError):
            yield number, position, _reject_rest(text, offset, position)
            return
        if has_undecodable_bytes(text[offset:end]):
            reason = describe_undecodable(file)
            value = Rejection(position=position, reason=reason, excerpt=excerpt(text[offset:end]))
        yield number, position, _reject_doubled(value, position)
        number += 1
        offset = _skip_space(text, end)
        if not in_array:
            continue
        separator = text[offset : offset + 1]
        if separator not in (",", "]"):
            position = f"{file.name}#{number}"
            yield number, position, _reject_rest(text, offset, position)
            return
        in_array = separator == ","
        offset = _skip_space(text, offset + 1)


def _skip_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _reject_rest(text: str, offset: int, position: str) -> Rejection:
    rest = text[offset : offset + 200]
    return Rejection(position=position, reason="not valid JSON", excerpt=excerpt(rest))
