"""What every source adapter is: its own configuration, and a way to read records.

An adapter is a frozen pydantic model. It names the files it wants (`patterns`) and reads one
of them (`read`); the base puts records in a seeded, representative order.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from calibset.core.documents import Conversation, Document, Record
from calibset.core.errors import CalibsetError, OfflineError, SourceError
from calibset.core.fields import Names
from calibset.core.seeding import seeded_key, shuffled
from calibset.hygiene.options import Hygiene
from calibset.sources.sampling.interleave import (
    PARTS_AT_ONCE,
    Part,
    batches,
    concurrently,
    proportionally,
    shuffled_in_blocks,
)
from calibset.sources.sampling.line_blocks import BLOCKS_AT_ONCE, Begins, Window, drawn_windows
from calibset.storage.files import File, Reader

# Bytes of a file that is loaded whole, and of those that are loaded together.
_LARGE = 32 * 2**20
_LOADED = 64 * 2**20
_PACKED_GROWS = 4
# Bytes of records that are gone through only to be counted.
_MOST_COUNTED = 2**30
# What a record takes in memory beside its text, about.
_AROUND_A_RECORD = 500
_STREAMS_AT_ONCE = 8


class Source(BaseModel):
    """Base of every adapter; also what `[sources.NAME]` in a recipe may hold.

    Subclasses implement `patterns` and `read`; those whose large files can be read from any
    line say so with `splits` and `begins`, those with a way of their own override `parts`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: ClassVar[str] = ""
    """One line for `calibset sources`."""

    type: str = Field(
        description="The adapter: a name that `calibset sources` lists, or package.module:Class."
    )
    group: str = Field(description="The group whose share this source helps to fill.")
    weight: float = Field(
        1.0,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="Its part of the group, against the other sources of the group.",
    )
    where: Names = Field(
        description="The place, or several of which the first that is there is read: "
        "hf://datasets/OWNER/NAME, https://…, or a local path.",
        min_length=1,
    )
    config: Names = Field((), description="The dataset's configuration (subset), where it has several.")
    split: Names = Field((), description="The split, where the dataset has several.")
    revision: str | None = Field(
        None, description="A hub repository's branch, tag or commit; the main branch if unset."
    )
    files: Names = Field(
        (), description="Shell-style patterns of the files to read, in place of the adapter's own."
    )
    licence: str = Field(
        "unknown", description="The corpus's licence, an SPDX identifier where there is one."
    )

    hygiene: Hygiene = Field(
        Hygiene(), description="What is kept out of this source; keys that are set stand in for the recipe's."
    )

    def patterns(self) -> tuple[str, ...]:
        """Return shell-style patterns of the files that this adapter reads by default."""
        raise NotImplementedError

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file in the order they stand in it."""
        raise NotImplementedError

    def select(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read: those the recipe names, else the adapter's own."""
        return reader.files(*(self.files or self.patterns()))

    def documents(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield every record, lazily, in an order that the seed fixes and that is fair.

        Small files are loaded, 32 of them or 64 MiB at a time. Of large ones that are lines, 128
        blocks of 64 KiB at a time are drawn from all of them. Of either each gives in proportion
        to its number of records. Other large files are read from their beginning.
        """
        files = shuffled(self.select(reader), seed, "files")
        yield from proportionally(self.parts(files, seed), seed, "parts")

    def in_order(self, reader: Reader) -> Iterator[Record]:
        """Yield every record, lazily, in the order in which the files hold them."""
        for file in self.select(reader):
            yield from self.read(file)

    def from_beginning(self, reader: Reader) -> bool:
        """Return whether something is read from its beginning only, so that no sample of it is fair.

        A file of which the place doesn't tell the size may be fetched to know it.
        """
        return any(self.streamed(file) for file in self.select(reader))

    def splits(self, file: File) -> bool:  # noqa: ARG002  (for subclasses to look at)
        """Return whether an unpacked file is lines of which any can be read without those before it.

        The records of such files can be drawn from all over them. `begins` tells where one begins.
        """
        return False

    def begins(self, file: File) -> Begins:  # noqa: ARG002  (for subclasses to look at)
        """Return what tells which lines of a file that splits begin a record: here every one."""
        return lambda _before, _line: True

    def streamed(self, file: File) -> bool:
        """Return whether a file is read from its beginning: one that is large and doesn't split."""
        return is_large(file) and not self._is_lines(file)

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the records of a file from its beginning, shuffled a thousand at a time."""
        yield from shuffled_in_blocks(self.read(file), seed, file.name, length=_length)

    def parts(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield a part for each of the ways in which files are read, its size in bytes.

        Args:
            files: In seeded order.
            seed: Fixes the order inside each part.
        """
        files = [replace(file, size=size_of(file)) for file in files]
        lines = {file.name: file for file in files if self._is_lines(file)}
        if sum(map(size_of, lines.values())) <= _LARGE:
            lines = {}
        streams = {file.name: file for file in files if file.name not in lines and self.streamed(file)}
        small = [file for file in files if file.name not in lines and file.name not in streams]
        ways = ((lines.values(), self._drawn), (streams.values(), self._streamed), (small, self._loaded))
        for some, read in ways:
            if some:
                yield Part(max(1, sum(map(_unpacked_size, some))), read(list(some), seed))

    def _is_lines(self, file: File) -> bool:
        return not file.packed and self.splits(file)

    def _drawn(self, files: list[File], seed: int) -> Iterator[Record]:
        begins = cache(self.begins)

        def loaded(window: Window) -> File | None:
            return window.load(begins(window.file))

        for number, windows in enumerate(batches(drawn_windows(files, seed), BLOCKS_AT_ONCE)):
            found = (window for window in concurrently(loaded, windows) if window)
            parts = (self._whole(file, seed, _LOADED) for file in found)
            yield from proportionally(parts, seed, "blocks", number, at_once=BLOCKS_AT_ONCE)

    def _loaded(self, files: list[File], seed: int) -> Iterator[Record]:
        for number, some in enumerate(batches(files, PARTS_AT_ONCE, _unpacked_size, _LOADED)):
            total = sum(map(_unpacked_size, some)) or 1
            parts = (
                self._whole(file, seed, max(1, _LOADED * _unpacked_size(file) // total)) for file in some
            )
            yield from proportionally(parts, seed, "files", number)

    def _whole(self, file: File, seed: int, most: int) -> Part[Record]:
        """Return the records of a file, shuffled; its size is how many there are.

        Where they take more bytes than may be held, they are gone through once to be counted and
        once more for each part of them that can be held, which holds records from all over.
        """
        records = self.read(file)
        first, held = _taken(records, most)
        count, length = len(first), held
        for record in records:
            count += 1
            length += _size(record)
            if length > _MOST_COUNTED:
                return Part(count, self.stream(file, seed))
        if count == len(first):
            return Part(max(1, count), iter(shuffled(first, seed, file.name)))
        return Part(count, self._in_slices(file, seed, -(-length // most)))

    def _in_slices(self, file: File, seed: int, slices: int) -> Iterator[Record]:
        for number in range(slices):
            some = [
                record
                for place, record in enumerate(self.read(file))
                if int.from_bytes(seeded_key(seed, file.name, "slice", place)) % slices == number
            ]
            yield from shuffled(some, seed, file.name, number)

    def _streamed(self, files: list[File], seed: int) -> Iterator[Record]:
        parts = (Part(_unpacked_size(file), self.stream(file, seed)) for file in files)
        yield from proportionally(parts, seed, "streams", at_once=_STREAMS_AT_ONCE)


def is_large(file: File) -> bool:
    """Return whether a file is too large to be loaded, by its name and size."""
    return _unpacked_size(file) > _LARGE


def size_of(file: File) -> int:
    """Return a file's size in bytes, for which it is opened if its place doesn't tell."""
    if file.size is not None:
        return file.size
    with file.open_parts() as stream:
        return stream.seek(0, io.SEEK_END)


def _unpacked_size(file: File) -> int:
    """Return about how many bytes a file has, unpacked: packed text grows about fourfold."""
    return size_of(file) * (_PACKED_GROWS if file.packed else 1)


def _taken(records: Iterator[Record], most: int) -> tuple[list[Record], int]:
    """Return the first records, up to about so many bytes, and how many bytes they have."""
    taken, length = [], 0
    for record in records:
        taken.append(record)
        length += _size(record)
        if length > most:
            break
    return taken, length


def _size(record: Record) -> int:
    """Return about how many bytes a record takes in memory."""
    return _length(record) + _AROUND_A_RECORD


def _length(record: Record) -> int:
    if isinstance(record, Conversation):
        return sum(len(message.content) for message in record.messages)
    return len(record.text) if isinstance(record, Document) else 0


_PACKED = ("", ".gz", ".bz2", ".xz", ".zst")


def by_suffix(source: Source, *kinds: str, packed: bool = True) -> tuple[str, ...]:
    """Return patterns for files of these kinds, where they may be packed also with a suffix that says so.

    A configuration narrows them to folders whose names hold it, a split to file names that do.
    """
    folders = [f"*{config}*/" for config in source.config] or [""]
    return tuple(
        f"{folder}*{split}*.{kind}{suffix}" if split else f"{folder}*.{kind}{suffix}"
        for folder in folders
        for split in source.split or ("",)
        for kind in kinds
        for suffix in (_PACKED if packed else ("",))
    )


def guarded(records: Iterable[Record], name: str) -> Iterator[Record]:
    """Yield records; whatever goes wrong below becomes an error that names the corpus."""
    try:
        for record in records:
            yield _expected_record(record)
    except OfflineError as error:
        raise OfflineError(f"{name}: {error}") from error
    except CalibsetError as error:
        raise SourceError(f"{name}: {error}") from error
    except Exception as error:  # an adapter of someone else's may raise anything
        reason = str(error).splitlines()[0] if str(error) else ""
        raise SourceError(f"{name}: can't be read: {type(error).__name__}: {reason}") from error


def _expected_record(item: object) -> Record:
    if not isinstance(item, Record):
        raise SourceError(f"its adapter yields a {type(item).__name__}, which is no record")
    return item
