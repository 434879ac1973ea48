"""Parquet files, read by row groups so that a part of a large file costs a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.document import Record
from calibset.errors import SourceError
from calibset.seeding import shuffled
from calibset.sources.base import Names, Source
from calibset.sources.columns import document_from
from calibset.sources.sampling import PARTS_AT_ONCE, Part, proportionally
from calibset.storage.files import File, Reader

__all__ = ["Parquet", "RowGroups", "rows"]


class RowGroups(Source):
    """Base of the adapters of parquet corpora: subclasses say what a row means.

    Files of another form are left to a subclass's `read`.

    Attributes:
        needed: The columns that are read, and no others.
    """

    needed: ClassVar[tuple[str, ...]] = ()

    def record(self, row: Mapping[str, Any], place: str) -> Record:
        """Return what a row holds.

        Args:
            row: The needed columns that the file has.
            place: ``FILE#ROW``, rows counted from 0.
        """
        raise NotImplementedError

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file in the order they stand in it."""
        for number, row in rows(file, self.needed_columns()):
            yield self.record(row, f"{file.name}#{number}")

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns to read; missing ones are left out."""
        return self.needed

    def documents(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield every record: of up to 32 files seeded row groups, from each in proportion to its rows."""
        files = shuffled(self.select(reader), seed, "files")
        if not all(file.name.endswith(".parquet") for file in files):
            yield from super().documents(reader, seed=seed)
            return
        for number in range(0, len(files), PARTS_AT_ONCE):
            yield from self._of_files(files[number : number + PARTS_AT_ONCE], seed)

    def _of_files(self, files: list[File], seed: int) -> Iterator[Record]:
        with ExitStack() as stack:
            opened = [(file, stack.enter_context(_opened(file))) for file in files]
            groups = [
                Part(rows, self._group(file, parquet, group, start, seed))
                for file, parquet in opened
                for group, (start, rows) in enumerate(_groups(parquet))
                if rows
            ]
            yield from proportionally(shuffled(groups, seed, files[0].name), seed, "groups")

    def _group(self, file: File, parquet: Any, group: int, start: int, seed: int) -> Iterator[Record]:
        numbered = enumerate(_group_rows(file, parquet, group, self.needed_columns()), start)
        for number, row in shuffled(numbered, seed, file.name, group):
            yield self.record(row, f"{file.name}#{number}")


class Parquet(RowGroups):
    """The text columns of any parquet files."""

    summary: ClassVar[str] = "parquet files with text columns"

    type: Literal["parquet"] = "parquet"
    columns: Names = Field(("text",), min_length=1, description="The columns that hold the text, in order.")

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for parquet files, of the named configuration and split if there are such."""
        folders = [f"*{config}*/" for config in self.config] or [""]
        return tuple(f"{folder}*{split}*.parquet" for folder in folders for split in self.split or ("",))

    def needed_columns(self) -> tuple[str, ...]:
        """Return the text columns."""
        return self.columns

    def record(self, row: Mapping[str, Any], place: str) -> Record:
        """Return the row's text as a document."""
        return document_from(row, self.columns, place, place)


def rows(file: File, columns: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number (from 0) and the named columns of each row; missing columns are left out.

    Raises:
        SourceError: The file is no parquet, or damaged.
    """
    with _opened(file) as parquet:
        number = 0
        for group in range(parquet.num_row_groups):
            for row in _group_rows(file, parquet, group, columns):
                yield number, row
                number += 1


@contextmanager
def _opened(file: File) -> Iterator[Any]:
    import pyarrow.parquet

    with file.open_bytes() as stream:
        with _explained(file):
            parquet = pyarrow.parquet.ParquetFile(stream, pre_buffer=True)
        yield parquet


@contextmanager
def _explained(file: File) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # ValueError: text that is no UTF-8
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"{file.name}: can't be read as parquet ({reason}); fetch the file again"
        ) from error


def _group_rows(file: File, parquet: Any, group: int, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    known = [name for name in columns if name in parquet.schema_arrow.names]
    with _explained(file):
        table: list[dict[str, Any]] = parquet.read_row_group(group, columns=known).to_pylist()
    return table


def _groups(parquet: Any) -> Iterator[tuple[int, int]]:
    """Yield each row group's first row and its number of rows."""
    start = 0
    for group in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(group).num_rows
        yield start, rows
        start += rows
