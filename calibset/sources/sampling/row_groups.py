"""Row groups of parquet files, each read on its own and only in the needed columns."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any, BinaryIO

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.sources.sampling.interleave import draw_indices
from calibset.storage.arrow_memory import estimate_memory
from calibset.storage.byte_ranges import merge_ranges
from calibset.storage.column_chunks import is_delta_encoded, list_chunks, locate_chunk
from calibset.storage.file_forms import HEAD, describe_other_form, find_compression
from calibset.storage.files import File
from calibset.storage.page_sizes import LARGEST_PAGE, PageSize, measure_pages
from calibset.storage.text_lines import MAX_RECORD_BYTES

Row = tuple[int, Mapping[str, Any] | Rejection]
"""A row's number, counted from 0 over the whole file, and the needed columns that it has."""

# Bytes that a group's needed columns may unpack to, and values that one may have.
_LARGEST_GROUP = 2**33
_MOST_VALUES = 2**24
# Bytes of a large group's rows that are held together, as the footer says, and as they turn out.
_HELD = 16 * 2**20
# Rows that are held first, or so many bytes of them, since a build needs no more of most groups; and how many
# times as many are held next.
_FIRST_HELD = 32
_FIRST_BYTES = 64 * 2**10
_MOST_FIRST_HELD = 1_024
_GROWTH = 8
_LARGEST_HELD = 2**30
# Bytes of values outside of a column's dictionary, with which it isn't read as one that shares them; and
# those that rows of such columns may take that are decoded together.
_LEAST_PLAIN, _MOST_PLAIN = 4 * 2**20, 2**28
# Rows whose pages are looked at where only the first are wanted.
_FEW_ROWS = 1_024
# Bytes that are fetched at once, and those that are then read of a column at once.
_FETCHED = 4 * 2**20
_BUFFER = 2**20
# Bytes between two columns that are fetched along, since a request of its own costs more.
_HOLE = 8 * 2**10
# Few, since a value that is stored once may stand in every row; more, where a MiB holds them.
_ROWS_AT_ONCE = 256
# Rows that become values of Python together, if they take no more memory than one may.
_ROWS_CONVERTED = 64
_MOST_ROWS_AT_ONCE = 2**14


def read_row_groups(file: File, columns: tuple[str, ...]) -> list[RowGroup]:
    """Return a file's row groups, with the needed columns that it has; only its footer is read."""
    import pyarrow.parquet

    with file.open_random_access() as stream, _parquet_errors(file):
        footer = pyarrow.parquet.read_metadata(stream)
        known = footer.schema.to_arrow_schema().names
    needed = tuple(name for name in columns if name in known)
    if twice := next((name for name in needed if known.count(name) > 1), None):
        raise SourceError(
            f"{file.name}: {known.count(twice)} columns are named {twice!r}; rename all but one"
        )
    groups = []
    start = 0
    for index in range(footer.num_row_groups):
        rows = footer.row_group(index).num_rows
        if rows > 0:
            groups.append(
                RowGroup(file=file, footer=footer, columns=needed, index=index, start=start, rows=rows)
            )
            start += rows
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """A row group; nothing of it is read before its rows are requested.

    Attributes:
        file: The file that holds it.
        footer: The file's metadata.
        columns: The needed columns that the file has.
        index: The index of the group in the file.
        start: The index of its first row in the file.
        rows: How many rows it has.
    """

    file: File
    footer: Any
    columns: tuple[str, ...]
    index: int
    start: int
    rows: int

    def read_rows(self) -> Iterator[Row]:
        """Yield the rows in the file's order."""
        if self._is_too_large():
            yield self._reject()
            return
        for begin, batch in self._read_batches(self._look_at_pages()):
            # Without columns a batch has no rows to read.
            rows = read_rows(batch) if self.columns else repeat({}, batch.num_rows)
            for number, row in enumerate(rows, self.start + begin):
                yield number, self._make_row(number, row)

    def shuffle_rows(self, seed: int) -> Iterator[Row]:
        """Yield the rows in seeded order.

        Of a group's rows 32 from all over it are held first, or as many as fit into 64 KiB. The group is read
        again for eight times as many next ones, and so on, up to as many as fit into 16 MiB: by what the
        footer says, and by what they turn out to take, since a value that is stored once may stand in all.
        """
        if self._is_too_large():
            yield self._reject()
            return
        together = 1
        order = iter(draw_indices(self.rows, seed, self.file.name, self.index))
        size = max(1, self.unpacked_size)
        most = max(1, self.rows * _HELD // size)
        plain = self._look_at_pages()
        held = min(max(_FIRST_HELD, self.rows * _FIRST_BYTES // size), _MOST_FIRST_HELD)
        while wanted := list(islice(order, min(held, most))):
            indices = sorted(wanted)
            most_held = _HELD if len(wanted) > 1 else _LARGEST_HELD
            pieces = self._read_pieces(indices, most_held, plain)
            if pieces is None and len(wanted) > 1:
                order, most = chain(wanted, order), max(1, len(wanted) // _GROWTH)
                continue
            if pieces is None:
                yield self._reject()
                return
            held *= _GROWTH
            most = min(most, max(1, len(wanted) * _HELD // max(1, sum(piece.nbytes for _, piece in pieces))))
            rows = _join([piece for _, piece in pieces])
            pieces.clear()
            waiting = iter(wanted)
            # Together rows take a fraction of the time; but of many groups few rows are asked for.
            while some := list(islice(waiting, together)):
                yield from self._read_some(some, rows, [bisect_left(indices, index) for index in some])
                together = min(2 * together, _ROWS_CONVERTED)

    @property
    def unpacked_size(self) -> int:
        """How many bytes the needed columns unpack to."""
        return sum(chunk.total_uncompressed_size for chunk in self._column_chunks())

    @property
    def stored_size(self) -> int:
        """How many bytes of the file the needed columns take."""
        return sum(chunk.total_compressed_size for chunk in self._column_chunks())

    def _column_chunks(self) -> list[Any]:
        """Return what the footer says of each needed column, of a nested one of each leaf."""
        with _parquet_errors(self.file):  # a column's name may be damaged
            return list_chunks(self.footer.row_group(self.index), self.columns)

    def _is_too_large(self) -> bool:
        values = max((chunk.num_values for chunk in self._column_chunks()), default=0)
        return self.unpacked_size > _LARGEST_GROUP or max(self.rows, values) > _MOST_VALUES

    def _reject(self) -> Row:
        return self.start, Rejection(position=f"{self.file.name}#{self.start}", reason="row group too large")

    def _read_pieces(
        self, indices: list[int], most: int, plain: Mapping[str, int]
    ) -> list[tuple[int, Any]] | None:
        """Return the rows with these sorted indices, in pieces with the number of rows before each.

        None if they turn out to take more bytes than a bound.
        """
        pieces: list[tuple[int, Any]] = []
        size = 0
        for begin, batch in self._read_batches(plain):
            first, last = bisect_left(indices, begin), bisect_left(indices, begin + batch.num_rows)
            if first == last:
                continue
            piece = batch
            if last - first < batch.num_rows:
                piece = batch.take(_as_indices([index - begin for index in indices[first:last]]))
            decoded = _decode_dictionaries(piece, most - size)
            if decoded is None:
                return None
            pieces.append((first, decoded[0]))
            size += decoded[1]
        return pieces

    def _read_batches(self, plain: Mapping[str, int]) -> Iterator[tuple[int, Any]]:
        """Yield a few rows at a time, and the number of rows of the group before them."""
        import pyarrow.parquet

        with self.file.open_random_access() as stream, _parquet_errors(self.file):
            chunks = self._column_chunks()
            # A value that is stored once for many rows is held once as well, if the library can. It then
            # holds all values up to the group's end: columns that share few are read otherwise.
            names = [chunk.path_in_schema for chunk in chunks if not is_delta_encoded(chunk)]
            shared = [name for name in names if name not in plain]
            # Read by this thread alone, which an interrupt reaches.
            parquet = pyarrow.parquet.ParquetFile(
                stream, metadata=self.footer, read_dictionary=shared, buffer_size=_BUFFER, pre_buffer=False
            )
            begin = 0
            columns = list(self.columns)
            rows = _count_rows_at_once(chunks, self.rows)
            rows = max(1, min(rows, _MOST_PLAIN // max(1, sum(plain.values()))))
            for batch in parquet.iter_batches(rows, [self.index], columns, use_threads=False):
                yield begin, batch
                begin += batch.num_rows
            if begin != self.rows:
                raise ValueError(f"a row group of {self.rows} rows holds {begin}")

    def _look_at_pages(self) -> dict[str, int]:
        """Fetch the needed columns, and return those that share few values with the most bytes of a row.

        Where no more is wanted than the first rows, only the first pages are looked at.

        Raises:
            SourceError: A page unpacks to more than it may.
        """
        plain = {}
        with self.file.open_random_access() as stream, _parquet_errors(self.file):
            # A small group takes fewer requests as a whole.
            if self.file.open_ranges and (self.file.fetches_ahead or self.stored_size <= _FETCHED):
                self._prefetch(stream)
            flat = {column.path for column in self.footer.schema if column.max_repetition_level == 0}
            for chunk in self._column_chunks():
                pages, left = [], self.rows if self.file.fetches_ahead else _FEW_ROWS
                for page in measure_pages(stream, chunk):
                    if page.unpacked > LARGEST_PAGE:
                        raise SourceError(
                            f"{self.file.name}: a page of it unpacks to {page.unpacked:,} bytes, more than "
                            f"{LARGEST_PAGE:,}; write it anew with smaller pages, or leave it out with "
                            "files = [...]"
                        )
                    pages.append(page)
                    left -= page.values
                    if left <= 0 and not self.file.fetches_ahead:
                        break
                name = chunk.path_in_schema
                if name in flat and not is_delta_encoded(chunk) and (longest := _measure_rows(pages)):
                    plain[name] = longest
        return plain

    def _prefetch(self, stream: BinaryIO) -> None:
        """Read the needed columns once, in as few requests as can be, so that the cache keeps them."""
        columns = map(locate_chunk, self._column_chunks())
        for start, end in merge_ranges((start, end + _HOLE) for start, end in columns):
            stream.seek(start)
            left = end - _HOLE - start
            while left > 0 and (content := stream.read(min(left, _FETCHED))):
                left -= len(content)

    def _read_some(self, indices: list[int], batch: Any, offsets: list[int]) -> Iterator[Row]:
        # Without columns a batch has no rows to take.
        rows = read_rows(batch.take(_as_indices(offsets))) if self.columns else repeat({})
        for index, row in zip(indices, rows, strict=False):
            yield self.start + index, self._make_row(self.start + index, row)

    def _make_row(self, number: int, row: Mapping[str, Any] | str) -> Mapping[str, Any] | Rejection:
        return Rejection(position=f"{self.file.name}#{number}", reason=row) if isinstance(row, str) else row


def _as_indices(numbers: list[int]) -> Any:
    """Return numbers as an array of Arrow; its own function for lists imports pandas."""
    import pyarrow

    return pyarrow.Int64Array.from_buffers(
        pyarrow.int64(), len(numbers), [None, pyarrow.py_buffer(array("q", numbers))]
    )


def _join(batches: list[Any]) -> Any:
    """Return rows that were read some at a time as one batch."""
    import pyarrow

    if len(batches) < 2:
        return batches[0] if batches else None
    return pyarrow.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _measure_rows(pages: list[PageSize]) -> int:
    """Return the most bytes that a row takes in a column of these pages; 0 if most of them share values."""
    if sum(page.unpacked for page in pages if page.values and not page.is_shared) < _LEAST_PLAIN:
        return 0
    dictionary = max((page.unpacked for page in pages if not page.values), default=0)
    return max(
        dictionary if page.is_shared else -(-page.unpacked // page.values) for page in pages if page.values
    )


def _count_rows_at_once(chunks: list[Any], rows: int) -> int:
    """Return how many rows are decoded together, fewer where each may be as long as all that is stored."""
    stored: int = sum(max(chunk.total_uncompressed_size, 8 * chunk.num_values) for chunk in chunks)
    short = min(rows * _BUFFER // max(1, stored), _MOST_ROWS_AT_ONCE)
    longest: int = sum(
        chunk.total_uncompressed_size
        for chunk in chunks
        if is_delta_encoded(chunk) and (chunk.has_dictionary_page or "DELTA_BYTE_ARRAY" in chunk.encodings)
    )
    return max(1, min(max(_ROWS_AT_ONCE, short), _LARGEST_HELD // max(1, longest)))


def _decode_dictionaries(batch: Any, most: int) -> tuple[Any, int] | None:
    """Return rows with their shared values written out, and their bytes; None if those exceed a bound."""
    import pyarrow

    columns, size = [], 0
    for column in batch.columns:
        plain = _without_dictionaries(column.type)
        is_shared = plain != column.type
        # With its shared values it counts, and holds, all that the row group shares.
        size += estimate_memory(column) if is_shared else column.nbytes
        if size > most:
            return None
        columns.append(column.cast(plain) if is_shared else column)
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names), size


def _without_dictionaries(kind: Any) -> Any:
    """Return the type of a column, or of a part of one, once its shared values are written out."""
    import pyarrow
    from pyarrow import types

    def plain(field: Any) -> Any:
        return field.with_type(_without_dictionaries(field.type))

    if types.is_dictionary(kind):
        return kind.value_type
    if types.is_struct(kind):
        return pyarrow.struct(list(map(plain, kind)))
    if types.is_map(kind):
        return pyarrow.map_(plain(kind.key_field), plain(kind.item_field), kind.keys_sorted)
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(plain(kind.value_field), kind.list_size)
    if types.is_large_list(kind):
        return pyarrow.large_list(plain(kind.value_field))
    return pyarrow.list_(plain(kind.value_field)) if types.is_list(kind) else kind


def read_rows(batch: Any) -> Iterator[dict[str, Any] | str]:
    """Yield the values of each row by column, or the reason why they can't be read."""
    for start in range(0, batch.num_rows, _ROWS_CONVERTED):
        rows = batch.slice(start, _ROWS_CONVERTED)
        converted = _convert(rows)
        if isinstance(converted, str):  # each for itself, then
            yield from (read_values(rows.slice(offset, 1)) for offset in range(rows.num_rows))
        else:
            yield from converted


def read_values(row: Any) -> dict[str, Any] | str:
    """Return the values of a single row by column, or the reason why they can't be read."""
    converted = _convert(row)
    return converted if isinstance(converted, str) else converted[0]


def _convert(rows: Any) -> list[dict[str, Any]] | str:
    """Return the values of rows by column, or the reason why not all can be read together."""
    import pyarrow

    try:
        if sum(map(estimate_memory, rows.columns)) > MAX_RECORD_BYTES:
            return "record too long"
        values: list[dict[str, Any]] = rows.to_pylist()
    except UnicodeDecodeError:
        return "not valid UTF-8"
    except (pyarrow.ArrowException, ValueError, OverflowError):  # a date that Python has no value for
        return "not a readable value"
    return values


@contextmanager
def _parquet_errors(file: File) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        if other := _describe_other_form(file):
            raise SourceError(f"{file.name}: {other}, or leave it out with files = [...]") from error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        is_sound = "DictAccumulator" in reason  # the schema asks for categories, of which it can't make any
        remedy = "write it anew without delta encoding" if is_sound else "fetch the file again"
        raise SourceError(f"{file.name}: can't be read as parquet ({reason}); {remedy}") from error


def _describe_other_form(file: File) -> str | None:
    """Return what a file is that can't be read as parquet, if its first bytes say it."""
    with file.open_random_access() as stream:
        head = stream.read(HEAD)
    if compression := find_compression(head, ""):
        return f"compressed as a whole ({compression}), which parquet never is; unpack it"
    return None if head.startswith(b"PAR1") else describe_other_form(head)
