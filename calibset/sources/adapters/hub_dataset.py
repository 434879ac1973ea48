"""Any dataset that the `datasets` library loads, as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Record, Rejection
from calibset.core.fields import Names
from calibset.sources.adapters.jsonl import TableSource
from calibset.sources.formats.column_names import list_outer_columns
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.hub_stream import stream_dataset
from calibset.sources.formats.saved_dataset import is_saved_dataset, read_saved_rows
from calibset.sources.sampling.files import measure_record
from calibset.sources.sampling.interleave import shuffle_in_batches
from calibset.storage.cache import CachedFileInfo
from calibset.storage.cached_records import read_cached_records
from calibset.storage.files import Reader
from calibset.storage.hub import HubReader
from calibset.storage.local import LocalReader
from calibset.storage.read_tracker import untracked


class HubDataset(TableSource):
    """Rows of any dataset in the form that its card declares; no code from the dataset is run.

    A folder that `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote is read too.
    The stream is read from its beginning, shuffled within a buffer of 1,000 rows: for parquet,
    CSV, JSON Lines and text files, the adapters of those names sample more fairly.
    """

    summary: ClassVar[str] = "any dataset that Hugging Face `datasets` streams"

    type: Literal["hub-dataset"] = "hub-dataset"
    split: Names = Field(("train",), description="The splits to read.")

    def patterns(self) -> tuple[str, ...]:
        """Return a pattern for any file: `datasets` decides which of them are data."""
        return ("*",)

    def choose_names(self, names: list[str]) -> list[str]:
        """Return the names: the patterns say already of which configuration and split they are."""
        return names

    def read_shuffled(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield one record per row, with the id ``SPLIT#ROW``."""
        for name, rows in self._read_splits(reader):
            yield from shuffle_in_batches(rows, seed, name, length=measure_record)

    def read_in_order(self, reader: Reader) -> Iterator[Record]:
        """Yield the same records in the order in which `datasets` gives the rows."""
        for _, rows in self._read_splits(reader):
            yield from rows

    def is_streamed(self, reader: Reader) -> bool:  # noqa: ARG002  (so it is everywhere)
        """Return True, because `datasets` yields the rows in their order."""
        return True

    def _read_splits(self, reader: Reader) -> Iterator[tuple[str, Iterator[Record]]]:
        """Yield the name of each split of each configuration, and its records in their order."""
        for config in self.config or (None,):
            for split in self.split:
                name = "/".join(filter(None, (config, split)))
                yield name, self._read_rows(reader, config, split, name)

    def _read_rows(self, reader: Reader, config: str | None, split: str, name: str) -> Iterator[Record]:
        origin = untracked(reader)
        if isinstance(origin, LocalReader) and is_saved_dataset(reader):
            rows = read_saved_rows(reader, split, list_outer_columns(self.columns))
            for number, row in enumerate(rows):
                position = f"{name}#{number}"
                yield (
                    row if isinstance(row, Rejection) else make_record(row, self.columns, position, position)
                )
            return

        def stream(first: int) -> Iterator[Record]:
            for number, row in enumerate(stream_dataset(origin, config, split, self.files, first), first):
                yield make_record(row, self.columns, f"{name}#{number}", f"{name}#{number}")

        if not isinstance(origin, HubReader):
            yield from stream(0)
            return
        # Rows of the hub are kept in the cache as records, so that they are fetched once.
        columns = self.columns if isinstance(self.columns, tuple) else self.columns.model_dump()
        version = json.dumps(["records", origin.revision, columns, self.files])
        about = CachedFileInfo(location=origin.location, name=name, version=version, size=None)
        cached_file = origin.cache.cached_file(origin.location, about)
        yield from read_cached_records(cached_file, stream, offline=origin.cache.offline)
