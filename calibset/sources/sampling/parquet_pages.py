"""Single rows of a row group, of which only the pages that hold them are read.

A column of a row group is a chain of pages, each of some hundred rows or of a mebibyte. Where each begins is
looked up once, when the whole group is read anyway. Later, the pages of some rows are joined to a small
parquet file in memory. No reader for Python reads single pages, and none tells where they are, not even with
a page index; so their headers, and the footer of the small file, are read and written here.
"""

from __future__ import annotations

import io
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple, cast

from calibset.core.documents import Rejection
from calibset.sources.sampling.row_groups import Row, RowGroup, read_row_groups
from calibset.storage.byte_ranges import merge_ranges
from calibset.storage.column_chunks import locate_chunk
from calibset.storage.compact_thrift import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    CompactReader,
    Struct,
    write_struct,
)
from calibset.storage.files import File
from calibset.storage.page_sizes import read_header, read_number


class Page(NamedTuple):
    """A page of a column.

    Attributes:
        offset: Where it begins in the file.
        size: Its bytes with its header.
        rows: How many rows it has; a dictionary has none.
        is_shared: Whether its values stand in the column's dictionary.
    """

    offset: int
    size: int
    rows: int
    is_shared: bool


PageTable = Mapping[str, tuple[Page, ...]]
"""The pages of columns, by the column's name."""

_MARK = b"PAR1"
_MOST_PAGES = 2**16
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1, "GZIP": 2, "BROTLI": 4, "LZ4": 5, "ZSTD": 6, "LZ4_RAW": 7}
_TYPES = {"BOOLEAN": 0, "INT32": 1, "INT64": 2, "INT96": 3, "FLOAT": 4, "DOUBLE": 5, "BYTE_ARRAY": 6}
_ENCODINGS = {
    "PLAIN": 0, "PLAIN_DICTIONARY": 2, "RLE": 3, "BIT_PACKED": 4, "DELTA_BINARY_PACKED": 5,
    "DELTA_LENGTH_BYTE_ARRAY": 6, "DELTA_BYTE_ARRAY": 7, "RLE_DICTIONARY": 8, "BYTE_STREAM_SPLIT": 9,
}  # fmt: skip
_PLAIN, _SHARED = 0, (2, 8)
# Pages closer together than this are fetched at once, since a request of its own costs more.
_HOLE = 8 * 2**10


def list_pages(group: RowGroup) -> PageTable:
    """Return where the pages of a group's needed columns are; empty if a column can't be taken apart.

    Columns of lists and objects can't, nor can those that are damaged: they are read whole.
    """
    pages = {}
    with group.file.open_random_access() as stream:
        for column, (chunk, schema) in _chunks(group).items():
            is_flat = chunk.path_in_schema == column and schema.max_repetition_level == 0
            if not is_flat or chunk.physical_type not in _TYPES or chunk.compression not in _CODECS:
                return {}
            try:
                pages[column] = tuple(_walk(stream, chunk))
            except ValueError:
                return {}
            if sum(page.rows for page in pages[column]) != group.rows:
                return {}
    return pages


def are_pages_of(group: RowGroup, pages: PageTable) -> bool:
    """Return whether pages lie in a row group as its own do: behind each other, with all of its rows."""
    chunks = _chunks(group)
    for column, own in pages.items():
        if column not in chunks:
            return False
        offset, end = locate_chunk(chunks[column][0])
        for page in own:
            if page.offset != offset or not 0 < page.size <= end - offset:
                return False
            offset += page.size
        if sum(page.rows for page in own) != group.rows:
            return False
    return True


def read_chosen_rows(group: RowGroup, indices: Sequence[int], pages: PageTable) -> Iterator[Row]:
    """Yield the rows of a group with some indices, given in order, from as few pages as hold them."""
    if not pages or set(pages) != set(group.columns):
        wanted = {group.start + index for index in indices}
        yield from (row for row in group.read_rows() if row[0] in wanted)
        return
    with group.file.open_random_access() as stream:
        columns = {name: _read_column(group, name, table, indices, stream) for name, table in pages.items()}
    for index in indices:
        number = group.start + index
        values: dict[str, Any] = {}
        rejection = None
        for rows in columns.values():
            row = rows.get(index)
            if isinstance(row, Mapping):
                values.update(row)
            else:
                reason = row.reason if row else "row group too large"
                rejection = rejection or Rejection(position=f"{group.file.name}#{number}", reason=reason)
        yield number, rejection or values


def _chunks(group: RowGroup) -> dict[str, tuple[Any, Any]]:
    """Return what the footer says of each needed column, or the first leaf of it, and of its schema."""
    metadata = group.footer.row_group(group.index)
    chunks: dict[str, tuple[Any, Any]] = {}
    for index in range(metadata.num_columns):
        chunk = metadata.column(index)
        for name in group.columns:
            if f"{chunk.path_in_schema}.".startswith(f"{name}."):
                chunks.setdefault(name, (chunk, group.footer.schema.column(index)))
    return chunks


def _walk(stream: BinaryIO, chunk: Any) -> Iterator[Page]:
    """Yield the pages of a column, by their headers."""
    offset, end = locate_chunk(chunk)
    for _ in range(_MOST_PAGES):
        if offset >= end:
            return
        header, length = read_header(stream, offset, end)
        size = length + read_number(header, 3)
        if size <= length or offset + size > end:
            raise ValueError("a page beyond its column")
        match read_number(header, 1):
            case kind if kind == _DICTIONARY:
                rows, encoding = 0, _PLAIN
            case kind if kind == _DATA:
                rows, encoding = read_number(header, 5, 1), read_number(header, 5, 2)
            case kind if kind == _DATA_V2:
                rows, encoding = read_number(header, 8, 3), read_number(header, 8, 4)
            case _:
                raise ValueError("a page of another kind")
        yield Page(offset, size, rows, encoding in _SHARED)
        offset += size
    raise ValueError("too many pages")


def _read_column(
    group: RowGroup, column: str, table: Sequence[Page], indices: Sequence[int], stream: BinaryIO
) -> dict[int, Mapping[str, Any] | Rejection]:
    """Return the values of a column by the rows' indices."""
    starts = list(accumulate((page.rows for page in table), initial=0))
    held = sorted({bisect_right(starts, index) - 1 for index in indices})
    if any(table[number].is_shared for number in held):
        held = [*(number for number, page in enumerate(table) if page.rows == 0), *held]
    pages = [table[number] for number in held]
    file = _make_file(group, column, pages, _read_ranges(stream, pages))
    wanted = set(indices)
    rows: dict[int, Mapping[str, Any] | Rejection] = {}
    for small in read_row_groups(file, (column,)):
        numbers = (index for number in held for index in range(starts[number], starts[number + 1]))
        for index, (_, row) in zip(numbers, small.read_rows(), strict=False):
            if index in wanted:
                rows[index] = row
    return rows


def _read_ranges(stream: BinaryIO, pages: Sequence[Page]) -> list[bytes]:
    """Return the bytes of pages, fetched together where they lie close to each other."""
    content: dict[int, bytes] = {}
    spans = merge_ranges((page.offset, page.offset + page.size + _HOLE) for page in pages)
    for start, end in spans:
        inside = [page for page in pages if start <= page.offset < end]
        last = max(page.offset + page.size for page in inside)
        stream.seek(start)
        data = stream.read(last - start)
        content.update((page.offset, data[page.offset - start :][: page.size]) for page in inside)
    return [content[page.offset] for page in pages]


def _make_file(group: RowGroup, column: str, pages: Sequence[Page], contents: Sequence[bytes]) -> File:
    """Return a parquet file in memory of a single column, whose pages are those of a larger one."""
    import pyarrow
    import pyarrow.parquet

    chunk, _ = _chunks(group)[column]
    schema = pyarrow.schema([group.footer.schema.to_arrow_schema().field(column)])
    template = io.BytesIO()
    pyarrow.parquet.write_table(schema.empty_table(), template)
    written = template.getvalue()
    length = int.from_bytes(written[-8:-4], "little")
    footer = CompactReader(written[-8 - length : -8]).read_struct()
    # The type as it is stored, which the library might write otherwise.
    leaf = footer[2][1][1][1]
    leaf[1] = I32, _TYPES[chunk.physical_type]

    offset = len(_MARK)
    is_dictionary = pages[0].rows == 0
    rows = sum(page.rows for page in pages)
    size = sum(map(len, contents))
    metadata: Struct = {
        1: (I32, _TYPES[chunk.physical_type]),
        2: (LIST, (I32, [_ENCODINGS[name] for name in chunk.encodings if name in _ENCODINGS])),
        3: (LIST, (BINARY, [column.encode("utf-8")])),
        4: (I32, _CODECS[chunk.compression]),
        5: (I64, rows),
        6: (I64, chunk.total_uncompressed_size),
        7: (I64, size),
        9: (I64, offset + (len(contents[0]) if is_dictionary else 0)),
    }
    if is_dictionary:
        metadata[11] = I64, offset
    columns: Struct = {2: (I64, offset), 3: (STRUCT, metadata)}
    row_group: Struct = {
        1: (LIST, (STRUCT, [columns])),
        2: (I64, chunk.total_uncompressed_size),
        3: (I64, rows),
    }
    arrow: Struct = {
        1: (BINARY, b"ARROW:schema"),
        2: (BINARY, b64encode(schema.serialize().to_pybytes())),
    }
    footer[3] = I64, rows
    footer[4] = LIST, (STRUCT, [row_group])
    footer[5] = LIST, (STRUCT, [arrow])
    end = write_struct(footer)
    content = b"".join((_MARK, *contents, end, len(end).to_bytes(4, "little"), _MARK))
    return File(group.file.name, lambda: cast("BinaryIO", io.BytesIO(content)), len(content))
