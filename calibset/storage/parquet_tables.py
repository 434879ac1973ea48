"""Tables of parquet files that are read whole, as long as that is what the files' bytes may stand for."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from calibset.storage.arrow_memory import estimate_memory
from calibset.storage.column_chunks import is_delta_encoded, list_chunks
from calibset.storage.page_sizes import LARGEST_PAGE, measure_pages

if TYPE_CHECKING:
    import pyarrow

MOST_MEMORY = 2**29
"""The bytes of memory that the table of any file may take, about."""

MOST_MEMORY_PER_BYTE = 128
"""Those that the table of a larger file may take for each of its bytes.

Most of what such files hold are ids, which take a byte or more and become numbers of Python.
"""

# What a number takes while a table is read.
_NUMBER = 16
_ROWS_AT_ONCE = 2**14


class TableTooLargeError(ValueError):
    """A table would take more memory than a file's bytes may stand for."""


def read_table(
    stream: BinaryIO,
    columns: Collection[str] | None = None,
    groups: Sequence[int] | None = None,
    *,
    footer: Any = None,
) -> pyarrow.Table:
    """Return the table of a parquet file, or some of its columns and row groups.

    A value that is stored once may stand in millions of rows, and a page of thirty kilobytes may unpack to
    gigabytes, so that a file is looked at before, and some thousand rows are read at a time.

    Args:
        stream: The file.
        columns: The columns; all if None.
        groups: The row groups; all if None.
        footer: The file's metadata, if they are known.

    Raises:
        TableTooLargeError: It would take too much memory.
        ValueError: It can't be read; and what else pyarrow raises.
    """
    import pyarrow.parquet

    size = stream.seek(0, io.SEEK_END)
    most = max(MOST_MEMORY, MOST_MEMORY_PER_BYTE * size)
    footer = footer or pyarrow.parquet.read_metadata(stream)
    known = footer.schema.to_arrow_schema()
    names = known.names if columns is None else list(columns)
    numbers = list(range(footer.num_row_groups) if groups is None else groups)
    if not names and _NUMBER * footer.num_rows > most:
        raise _too_large(size, most)
    chunks = [chunk for number in numbers for chunk in list_chunks(footer.row_group(number), names)]
    _refuse_large_pages(stream, chunks, size, most)
    is_shared = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"}
    is_delta = {chunk.path_in_schema for chunk in chunks if is_delta_encoded(chunk)}
    file = pyarrow.parquet.ParquetFile(
        stream, metadata=footer, read_dictionary=list(is_shared - is_delta), pre_buffer=False
    )
    rows = 1 if is_delta else _ROWS_AT_ONCE
    held = 0
    batches = []
    for number in numbers if names else ():  # a batch has the shared values of one group
        for batch in file.iter_batches(rows, [number], names, use_threads=False):
            held += sum(map(estimate_memory, batch.columns))
            if held > most:
                raise _too_large(size, most)
            batches.append(batch)
    fields = pyarrow.schema([known.field(name) for name in names], known.metadata)
    # What is shared was read as shared, and is written out now that it is known to fit.
    return pyarrow.Table.from_batches(batches).cast(fields) if batches else fields.empty_table()


def _refuse_large_pages(stream: BinaryIO, chunks: list[Any], size: int, most: int) -> None:
    taken = 0
    for chunk in chunks:
        for page in measure_pages(stream, chunk):
            taken += page.unpacked + _NUMBER * page.values
            if page.unpacked > LARGEST_PAGE or taken > most:
                raise _too_large(size, most)


def _too_large(size: int, most: int) -> TableTooLargeError:
    return TableTooLargeError(f"its {size:,} bytes unpack to more than {most:,}, as no such file does")
