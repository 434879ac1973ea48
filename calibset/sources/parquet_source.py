"""The base of adapters that read Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, ClassVar

from calibset.core.documents import Record, Rejection
from calibset.core.seeding import shuffled
from calibset.sources.base import Source, size_of
from calibset.sources.sampling.interleave import PARTS_AT_ONCE, Part, batches, concurrently, proportionally
from calibset.sources.sampling.row_groups import Row, row_groups
from calibset.storage.files import File


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
        for group in row_groups(file, self.needed_columns()):
            yield from self._records(file, group.in_order())

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns to read; missing ones are left out."""
        return self.needed

    def streamed(self, file: File) -> bool:
        """Return whether a file is read from its beginning; a parquet file never is."""
        return not _is_parquet(file) and super().streamed(file)

    def parts(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield a part that is all parquet files together, and those of other files."""
        others = [file for file in files if not _is_parquet(file)]
        if parquet := [file for file in files if _is_parquet(file)]:
            size = sum(map(size_of, parquet)) if others else 1
            yield Part(max(1, size), self._sampled(parquet, seed))
        yield from super().parts(others, seed)

    def _sampled(self, files: list[File], seed: int) -> Iterator[Record]:
        """Yield from 32 row groups at a time, of those of 32 files, from each in proportion to its rows."""
        columns = self.needed_columns()
        for number, batch in enumerate(batches(files, PARTS_AT_ONCE)):
            groups = chain(*concurrently(partial(row_groups, columns=columns), batch))
            parts = (
                Part(group.rows, self._records(group.file, group.shuffled(seed)))
                for group in shuffled(groups, seed, "row groups", number)
            )
            yield from proportionally(parts, seed, "groups", number)

    def _records(self, file: File, rows: Iterable[Row]) -> Iterator[Record]:
        for number, row in rows:
            yield row if isinstance(row, Rejection) else self.record(row, f"{file.name}#{number}")


def _is_parquet(file: File) -> bool:
    return file.name.endswith(".parquet")
