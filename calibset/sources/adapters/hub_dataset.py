"""Rows of a dataset repository, in the form that its card declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Record, Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.core.fields import Names
from calibset.sources.adapters.jsonl import TableSource
from calibset.sources.formats.column_names import list_columns, list_outer_columns
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.dataset_card import CARD, DatasetConfig, choose_config, read_configs
from calibset.sources.formats.dataset_files import (
    ARCHIVE,
    FileKind,
    find_kind,
    find_split_files,
    get_kind,
    keep_kind,
    list_kinds,
)
from calibset.sources.formats.dataset_rows import DatasetRow, Writing, read_rows
from calibset.sources.formats.saved_dataset import SAVED, is_saved_dataset, read_saved_rows
from calibset.sources.sampling.files import measure_record
from calibset.sources.sampling.interleave import shuffle_in_batches
from calibset.storage.file_names import list_some
from calibset.storage.files import File, Reader
from calibset.storage.joined import JoinedReader
from calibset.storage.read_tracker import untracked
from calibset.storage.zip_members import list_members


class HubDataset(TableSource):
    """Rows of a dataset of parquet, Arrow, JSON, CSV or text files, in the form that its card declares.

    The configurations of the card (`README.md`) say which files are of which split, and how CSV, JSON and
    text are written; without them the names of files and folders tell the splits, as for Hugging Face
    `datasets`. A card only chooses among the files of its own location, and no code of a dataset is run. ZIP
    archives of such files are read, and folders that `Dataset.save_to_disk` or `DatasetDict.save_to_disk`
    wrote. `files` names files in place of the card; they are of the split `train`.

    The rows are read from their beginning, shuffled within a buffer of 1,000 rows: for parquet,
    CSV, JSON Lines and text files, the adapters of those names sample more fairly.
    """

    summary: ClassVar[str] = "a dataset as its card on the Hugging Face hub declares it"

    reads_by_file: ClassVar[bool] = False
    type: Literal["hub-dataset"] = "hub-dataset"
    split: Names = Field(("train",), description="The splits to read.")

    def patterns(self) -> tuple[str, ...]:
        """Return a pattern for any file: the card and the names of files tell which of them are data."""
        return ("*",)

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files of the splits, archives as they are."""
        if self._is_saved(reader):
            return reader.files("*.arrow")
        files: dict[str, File] = {}
        for config in self.config or (None,):
            for split in self.split:
                files.update((file.name, file) for file in self._find_files(reader, config, split)[0])
        return tuple(files.values())

    def read_shuffled(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield one record per row, with the id ``SPLIT#ROW``."""
        for name, rows in self._read_splits(reader):
            yield from shuffle_in_batches(rows, seed, name, length=measure_record)

    def read_in_order(self, reader: Reader) -> Iterator[Record]:
        """Yield the same records in the order of the rows."""
        for _, rows in self._read_splits(reader):
            yield from rows

    def is_streamed(self, reader: Reader) -> bool:  # noqa: ARG002  (so it is everywhere)
        """Return True, because the rows are read in their order."""
        return True

    def _read_splits(self, reader: Reader) -> Iterator[tuple[str, Iterator[Record]]]:
        """Yield the name of each split of each configuration, and its records in their order."""
        for config in self.config or (None,):
            for split in self.split:
                name = "/".join(filter(None, (config, split)))
                yield name, self._make_records(self._read_rows(reader, config, split), name)

    def _make_records(self, rows: Iterator[DatasetRow], name: str) -> Iterator[Record]:
        for number, row in enumerate(rows):
            position = f"{name}#{number}"
            yield row if isinstance(row, Rejection) else make_record(row, self.columns, position, position)

    def _read_rows(self, reader: Reader, config: str | None, split: str) -> Iterator[DatasetRow]:
        columns = list_outer_columns(self.columns)
        if self._is_saved(reader):
            yield from read_saved_rows(reader, split, columns)
            return
        files, chosen = self._find_files(reader, config, split)
        writing = Writing.parse(chosen.options, f"{reader.location}: {CARD}")
        suffix = find_kind(file.name for file in files)
        if suffix == ARCHIVE:
            files = tuple(
                member
                for file in files
                if file.name.lower().endswith(ARCHIVE)
                for member in list_members(file)
            )
            suffix = find_kind(file.name for file in files)
        kind = self._require_kind(suffix, files, reader)
        kept = set(keep_kind((file.name for file in files), suffix or ""))
        for file in files:
            if file.name in kept:
                is_encoded = file.encoding == writing.encoding
                encoded = file if is_encoded else replace(file, encoding=writing.encoding)
                yield from read_rows(encoded, kind, columns, list_columns(self.columns), writing)

    def _is_saved(self, reader: Reader) -> bool:
        return not self.files and is_saved_dataset(_list_names(reader))

    def _require_kind(self, suffix: str | None, files: tuple[File, ...], reader: Reader) -> FileKind:
        kind = get_kind(suffix) if suffix else None
        if kind is None:
            raise SourceError(
                f"{reader.location}: its files ({list_some([file.name for file in files], 3)}) are none of "
                f"{list_kinds()}: name the right ones with files = [...], or read them with another type"
            )
        return kind

    def _find_files(
        self, reader: Reader, config: str | None, split: str
    ) -> tuple[tuple[File, ...], DatasetConfig]:
        """Return the files of a split in their order, and the configuration that they are of."""
        if self.files:
            if self.split != ("train",):
                raise SourceError(
                    f"{reader.location}: files = [...] are of the split 'train'; leave out split"
                )
            named = {file.name: file for pattern in self.files for file in reader.files(pattern)}
            return tuple(named.values()), DatasetConfig()
        names = _list_names(reader)
        if not names:  # the location is a file
            return reader.files("*"), DatasetConfig()
        try:
            chosen = choose_config(_read_card(reader, names), config)
            splits = find_split_files([name for name in names if name != CARD and name not in SAVED], chosen)
        except ValueError as error:
            raise SourceError(f"{reader.location}: {error}") from None
        if not splits.get(split):
            there = ", ".join(name for name, found in splits.items() if found)
            raise NotThereError(
                f"{reader.location}: there is no split {split!r}"
                + (f"; there are {there}: name them with split = [...]" if there else "")
                + f" ({list_some(names, 3)})" * (not there)
            )
        wanted = splits[split]
        files = {file.name: file for file in reader.files(*wanted, choose=lambda known: known)}
        return tuple(files[name] for name in wanted if name in files), chosen


def _list_names(reader: Reader) -> list[str]:
    """Return the names of a location's files, its card among them; none if it is a single file."""
    if isinstance(untracked(reader), JoinedReader):
        raise SourceError(
            f'{reader.location}: type = "hub-dataset" reads one location; make a source of each, or name the '
            "files with files = [...]"
        )
    found: list[str] = []

    def listen(names: list[str]) -> list[str]:
        found.extend(names)
        return []  # nothing is asked of the files themselves

    reader.files("*", CARD, *SAVED, choose=listen)
    return found


def _read_card(reader: Reader, names: list[str]) -> tuple[DatasetConfig, ...]:
    if CARD not in names:
        return ()
    try:
        (card,) = reader.files(CARD)
        return read_configs(card)
    except SourceError as error:
        raise SourceError(f"{reader.location}: {error}") from error
