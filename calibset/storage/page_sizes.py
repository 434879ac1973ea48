"""How much the pages of a parquet file unpack to, by their own headers, whatever the footer says.

A page is unpacked as a whole, so that thirty kilobytes of one may ask for gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from calibset.storage.column_chunks import locate_chunk
from calibset.storage.compact_thrift import I32, CompactReader, Struct, TruncatedError

LARGEST_PAGE = 2**27
"""The bytes that a page may unpack to: most programs write a MiB, and the largest known 100 MB."""

# As long as the library reads one.
_HEADER, _LONGEST_HEADER = 512, 2**24
_MOST_PAGES = 2**16
# Which field holds what a page of a kind says of itself, by the kind.
_KINDS = {0: 5, 2: 7, 3: 8}
_DICTIONARY = 2
# Where a page of values says how they are encoded, and as what those are that a dictionary holds.
_ENCODINGS, _SHARED = {0: 2, 3: 4}, (2, 8)


class PageSize(NamedTuple):
    """What a page comes to.

    Attributes:
        unpacked: The bytes that it unpacks to.
        values: How many values it has; none if they are those that others name.
        is_shared: Whether its values are named ones.
    """

    unpacked: int
    values: int
    is_shared: bool


def measure_pages(stream: BinaryIO, chunk: Any) -> Iterator[PageSize]:
    """Yield what the pages of a row group's column come to.

    Args:
        stream: The file.
        chunk: What its footer says of the column.

    Raises:
        ValueError: A header can't be read, or there are too many pages.
    """
    offset, end = locate_chunk(chunk)
    values = pages = 0
    # The library looks no further than for as many values as the footer says.
    while offset < end and values < chunk.num_values:
        if pages == _MOST_PAGES:
            raise ValueError(f"a column of more than {_MOST_PAGES:,} pages")
        header, length = read_header(stream, offset, end)
        kind = read_number(header, 1)
        if kind in _KINDS:
            held = 0 if kind == _DICTIONARY else read_number(header, _KINDS[kind], 1)
            is_shared = held > 0 and read_number(header, _KINDS[kind], _ENCODINGS[kind]) in _SHARED
            yield PageSize(read_number(header, 2), held, is_shared)
            values += held
        offset += length + read_number(header, 3)
        pages += 1


def read_header(stream: BinaryIO, offset: int, end: int) -> tuple[Struct, int]:
    """Return the header of a page, no part of which is behind an end, and how many bytes it has.

    Raises:
        ValueError: There is none.
    """
    size = _HEADER
    while True:
        stream.seek(offset)
        reader = CompactReader(stream.read(min(size, end - offset)))
        try:
            return reader.read_struct(), reader.offset
        except TruncatedError:
            if size >= _LONGEST_HEADER:
                raise
            size *= 16


def read_number(header: Struct, *path: int) -> int:
    """Return a number of a header, by the fields that lead to it.

    Raises:
        ValueError: It isn't there, or is below 0.
    """
    value: Any = header
    for field in path:
        value = value.get(field, (I32, -1))[1] if isinstance(value, dict) else -1
    if not isinstance(value, int) or value < 0:
        raise ValueError("a header lacks a number")
    return value
