"""Tables of parquet files that are read whole, as long as that is what the files' bytes may stand for."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from itertools import chain
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


def read_table(stream: BinaryIO, columns: Collection[str] | None = None) -> pyarrow.Table:
    """Return the table of a parquet file, or some of its columns.

    Args:
        stream: The file.
        columns: The columns; all if None.

    Raises:
        TableTooLargeError: It would take too much memory.
        ValueError: It can't be read; and what else pyarrow raises.
    """
    import pyarrow
    import pyarrow.parquet

    footer = pyarrow.parquet.read_metadata(stream)
    tables = list(read_row_groups(stream, footer, columns))
    return pyarrow.concat_tables(tables) if tables else _make_schema(footer, columns).empty_table()


def read_row_groups(
    stream: BinaryIO, footer: Any, columns: Collection[str] | None = None
) -> Iterator[pyarrow.Table]:
    """Yield each row group of a parquet file as a table, as long as all of them fit.

    A value that is stored once may stand in millions of rows, and a page of thirty kilobytes may unpack to
    gigabytes. So the pages of a group are measured before it is read, some thousand rows at a time.

    Args:
        stream: The file.
        footer: The file's metadata.
        columns: The columns; all if None.

    Raises:
        TableTooLargeError: It would take too much memory.
        ValueError: It can't be read; and what else pyarrow raises.
    """
    import pyarrow
    import pyarrow.parquet

    size = stream.seek(0, io.SEEK_END)
    most = max(MOST_MEMORY, MOST_MEMORY_PER_BYTE * size)
    schema = _make_schema(footer, columns)
    if not schema.names and _NUMBER * footer.num_rows > most:
        raise _too_large(size, most)
    taken = held = 0
    for number in range(footer.num_row_groups) if schema.names else ():
        chunks = list_chunks(footer.row_group(number), schema.names)
        for page in chain.from_iterable(measure_pages(stream, chunk) for chunk in chunks):
            taken += page.unpacked + _NUMBER * page.values
            if page.unpacked > LARGEST_PAGE or taken > most:
                raise _too_large(size, most)
        is_shared = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"}
        is_delta = {chunk.path_in_schema for chunk in chunks if is_delta_encoded(chunk)}
        file = pyarrow.parquet.ParquetFile(
            stream, metadata=footer, read_dictionary=list(is_shared - is_delta), pre_buffer=False
        )
        batches = []
        rows = 1 if is_delta else _ROWS_AT_ONCE
        for batch in file.iter_batches(rows, [number], schema.names, use_threads=False):
            held += sum(map(estimate_memory, batch.columns))
            if held > most:
                raise _too_large(size, most)
            batches.append(batch)
        # What is shared was read as shared, and is written out now that it is known to fit.
        yield pyarrow.Table.from_batches(batches).cast(schema) if batches else schema.empty_table()


def _make_schema(footer: Any, columns: Collection[str] | None) -> pyarrow.Schema:
    """Return the types of a file's columns, or of some."""
    import pyarrow

    known = footer.schema.to_arrow_schema()
    names = known.names if columns is None else columns
    return pyarrow.schema([known.field(name) for name in names], known.metadata)


def _too_large(size: int, most: int) -> TableTooLargeError:
    return TableTooLargeError(f"its {size:,} bytes unpack to more than {most:,}, as no such file does")
