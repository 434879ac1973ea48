"""The base class of adapters that read Parquet files, and Arrow's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, ClassVar

from calibset.core.documents import Record, Rejection
from calibset.core.seeding import shuffled
from calibset.sources.base import Source
from calibset.sources.sampling.arrow_rows import read_arrow_rows
from calibset.sources.sampling.files import get_size
from calibset.sources.sampling.interleave import (
    MAX_OPEN_PARTS,
    Part,
    interleave,
    map_concurrently,
    split_into_batches,
)
from calibset.sources.sampling.row_groups import Row, read_row_groups
from calibset.storage.files import File


class ParquetSource(Source):
    """Base class of the adapters of parquet corpora, whose subclasses turn rows into records.

    An adapter of a corpus that is published in another format too overrides `read` for other files.

    Attributes:
        needed: The only columns that are read; a file may lack some of them.
        fewest_files: The files whose footers are read at first, however few rows are wanted.
    """

    needed: ClassVar[tuple[str, ...]] = ()
    fewest_files: ClassVar[int] = 8

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns to read; overridden if they depend on the recipe."""
        return self.needed

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the record that a row holds.

        Args:
            row: The needed columns that the file has.
            position: The row's position, ``FILE#ROW``, with rows counted from 0.
        """
        raise NotImplementedError

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file, in the file's order."""
        if _is_arrow(file):
            yield from self._parse_rows(file, read_arrow_rows(file, self.needed_columns()))
            return
        for group in read_row_groups(file, self.needed_columns()):
            yield from self._parse_rows(file, group.read_rows())

    def must_stream(self, file: File) -> bool:
        """Return whether a file is read from its beginning; a parquet file never is."""
        return not is_parquet(file) and super().must_stream(file)

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield one part for all parquet files together, and the parts of other files."""
        others = [file for file in files if not is_parquet(file)]
        if parquet := [file for file in files if is_parquet(file)]:
            size = sum(map(get_size, parquet)) if others else 1
            yield Part(max(1, size), self._sample_row_groups(parquet, seed))
        yield from super().partition(others, seed)

    def _sample_row_groups(self, files: list[File], seed: int) -> Iterator[Record]:
        """Yield from 32 row groups at a time, of those of 32 files, from each in proportion to its rows.

        If few rows are wanted, they are fewer at first.
        """
        read = partial(read_row_groups, columns=self.needed_columns())
        first = self._first_parts
        first_files = max(first, self.fewest_files)
        for number, batch in enumerate(split_into_batches(files, MAX_OPEN_PARTS, first=first_files)):
            groups = chain(*map_concurrently(read, batch))
            parts = (
                Part(group.rows, self._parse_rows(group.file, group.shuffle_rows(seed)))
                for group in shuffled(groups, seed, "row groups", number)
            )
            yield from interleave(parts, seed, "groups", number, first=MAX_OPEN_PARTS if number else first)

    def _parse_rows(self, file: File, rows: Iterable[Row]) -> Iterator[Record]:
        for number, row in rows:
            yield row if isinstance(row, Rejection) else self.parse_row(row, f"{file.name}#{number}")


def is_parquet(file: File) -> bool:
    """Return whether a file is Parquet, by its name."""
    return file.name.lower().endswith(".parquet")


def is_columnar(file: File) -> bool:
    """Return whether a file is Parquet or Arrow, by its name."""
    return is_parquet(file) or _is_arrow(file)


def _is_arrow(file: File) -> bool:
    return file.name.lower().endswith((".arrow", ".feather"))
