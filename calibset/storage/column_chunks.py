"""What the footer of a parquet file says of the columns of a row group."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from calibset.storage.byte_ranges import ByteRange


def list_chunks(group: Any, columns: Collection[str]) -> list[Any]:
    """Return what a row group's footer says of some columns, of a nested one of each leaf."""
    chunks = map(group.column, range(group.num_columns))
    return [
        chunk
        for chunk in chunks
        if any(f"{chunk.path_in_schema}.".startswith(f"{name}.") for name in columns)
    ]


def locate_chunk(chunk: Any) -> ByteRange:
    """Return where in the file a column begins and ends."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    return start, start + chunk.total_compressed_size


def is_delta_encoded(chunk: Any) -> bool:
    """Return whether some of a column is stored in a way of which the library makes no dictionary.

    Each text may then repeat the beginning of the one before it.
    """
    return any(encoding.startswith("DELTA_") for encoding in chunk.encodings)
