"""Keeping track of what is read from a location: which bytes of which files, and their hash."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from calibset.storage.byte_ranges import ByteRange, merge_ranges
from calibset.storage.files import Choice, File, Reader, keep_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

_NONE: Mapping[str, tuple[ByteRange, ...]] = MappingProxyType({})

_CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """The part of a file that was read.

    Attributes:
        name: The file's name inside its location.
        size: The size of the whole file in bytes; None if unknown.
        ranges: The bytes that were read.
        sha256: The SHA-256 of these bytes, in the order of the file.
    """

    name: str
    size: int | None
    ranges: tuple[ByteRange, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class _OpenedFile:
    """A file that was opened, and the ranges that each of its streams read."""

    file: File
    ranges: list[list[ByteRange]] = field(default_factory=list)


class HeldReads:
    """What was read ahead, which counts as read once it is released."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []
        # The ranges of streams, each with those to add to them.
        self._ranges: list[tuple[list[ByteRange], list[ByteRange]]] = []

    def add(self, step: Callable[[], None]) -> None:
        """Put off what records that a file was opened."""
        self._steps.append(step)

    def ranges_for(self, ranges: list[ByteRange]) -> list[ByteRange]:
        """Return those to which is added what a stream reads that has read some ranges."""
        if not self._ranges or (last := self._ranges[-1])[0] is not ranges:
            last = (ranges, [])
            self._ranges.append(last)
        return last[1]

    def release(self) -> None:
        """Count it as read."""
        for step in self._steps:
            step()
        for ranges, added in self._ranges:
            for start, end in added:
                _add_range(ranges, start, end)
        self._steps.clear()
        self._ranges.clear()


def _add_range(ranges: list[ByteRange], start: int, end: int) -> None:
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], end)
    elif start < end:
        ranges.append((start, end))


@dataclass(slots=True)
class _Log:
    """Where a reader records what is read: at once, or held back."""

    held: HeldReads | None = None

    def record(self, step: Callable[[], None]) -> None:
        if self.held is None:
            step()
        else:
            self.held.add(step)


@dataclass(frozen=True, slots=True)
class TrackedReader:
    """A reader that records what is read through it.

    Attributes:
        reader: The reader that it wraps.
    """

    reader: Reader
    _opened: dict[str, _OpenedFile] = field(default_factory=dict)
    _log: _Log = field(default_factory=_Log, compare=False)

    @property
    def location(self) -> str:
        """The location as the recipe spells it."""
        return self.reader.location

    @property
    def revision(self) -> str | None:
        """The commit that is read; None if the location has no revisions."""
        return self.reader.revision

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the reader's files, opened so that what is read from them is recorded.

        Raises:
            SourceError: Nothing matches.
        """
        return tuple(self._track(file) for file in self.reader.files(*patterns, choose=choose))

    @property
    def bytes_read(self) -> int:
        """How many different bytes were read so far."""
        return sum(
            end - start
            for opened in self._opened.values()
            for start, end in merge_ranges(chain.from_iterable(opened.ranges))
        )

    @contextmanager
    def read_ahead(self) -> Iterator[HeldReads]:
        """Hold back what is read inside the block, until it is released."""
        self._log.held = HeldReads()
        try:
            yield self._log.held
        finally:
            self._log.held = None

    def snapshot(self) -> TrackedReader:
        """Return a copy that knows what was read so far, and of nothing that is read later."""
        opened = {
            name: _OpenedFile(one.file, [list(merge_ranges(chain.from_iterable(one.ranges)))])
            for name, one in self._opened.items()
        }
        return TrackedReader(self.reader, opened)

    def read(self, instead: Mapping[str, tuple[ByteRange, ...]] = _NONE) -> Iterator[FileRead]:
        """Yield what was read so far, sorted by file name; the bytes are read again to be hashed.

        Args:
            instead: By file name, ranges to hash instead of those that were read.

        Raises:
            SourceError: The bytes can't be read again.
        """
        for name, opened in sorted(self._opened.items()):
            ranges = instead.get(name) or merge_ranges(chain.from_iterable(opened.ranges))
            digest = hash_ranges(opened.file, ranges)
            yield FileRead(name=name, size=opened.file.size, ranges=ranges, sha256=digest)

    def _track(self, file: File) -> File:
        def open_tracked(open_file: Callable[[], BinaryIO]) -> BinaryIO:
            # A list for each stream, because several may be read at once.
            ranges: list[ByteRange] = []
            self._log.record(
                lambda: self._opened.setdefault(file.name, _OpenedFile(file)).ranges.append(ranges)
            )
            return cast("BinaryIO", _TrackedStream(open_file(), ranges, self._log))

        open_ranges = file.open_ranges
        return replace(
            file,
            open_bytes=partial(open_tracked, file.open_bytes),
            open_ranges=None if open_ranges is None else partial(open_tracked, open_ranges),
        )


class _TrackedStream(io.BufferedIOBase):
    """A stream that records which ranges are read from it."""

    def __init__(self, stream: BinaryIO, ranges: list[ByteRange], log: _Log) -> None:
        super().__init__()
        self._stream: Any = stream
        self._log = log
        self._ranges = ranges
        # Asked of the stream only where it was moved: lines are short, and millions.
        self._position = self.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._stream.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = int(self._stream.seek(offset, whence))
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        return self._record(self._stream.read(-1 if size is None else size))

    def read1(self, size: int = -1, /) -> bytes:
        return self._record(getattr(self._stream, "read1", self._stream.read)(size))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._record(self._stream.readline(-1 if size is None else size))

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        content = self.read(len(target))
        target[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _record(self, content: bytes) -> bytes:
        start = self._position
        end = self._position = start + len(content)
        held = self._log.held
        ranges = self._ranges if held is None else held.ranges_for(self._ranges)
        # A stream is read line by line, and a file may have millions.
        if ranges and (last := ranges[-1])[1] == start:
            ranges[-1] = (last[0], end)
        else:
            _add_range(ranges, start, end)
        return content


def untracked(reader: Reader) -> Reader:
    """Return the reader that a tracked reader wraps, for a library that opens files by itself."""
    return reader.reader if isinstance(reader, TrackedReader) else reader


def hash_ranges(file: File, ranges: tuple[ByteRange, ...]) -> str:
    """Return the SHA-256 of ranges of a file, hashed in the order given."""
    digest = sha256()
    with file.open_random_access() as stream:
        for start, end in ranges:
            stream.seek(start)
            left = end - start
            while left > 0 and (content := stream.read(min(_CHUNK, left))):
                digest.update(content)
                left -= len(content)
    return digest.hexdigest()
