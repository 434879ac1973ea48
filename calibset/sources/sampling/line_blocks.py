"""Large files of lines, read a block at a time from anywhere in them.

A corpus of such files is the set of all its blocks of 64 KiB. A record belongs to the block
in which its first line starts, so that long lines are not favoured, and is read to its end.
The records of one block become a file of their own, named for the offset at which it starts.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import BinaryIO, TypeAlias, cast

from calibset.sources.sampling.interleave import draw_indices
from calibset.storage.files import File
from calibset.storage.text_lines import MAX_RECORD_BYTES, open_text, read_first_character

BLOCK_SIZE = 2**16
"""The bytes of a block."""

MAX_OPEN_BLOCKS = 128
"""How many blocks are loaded together: many small ones represent a corpus better than a few large ones."""

StartRule: TypeAlias = Callable[[bytes | None, bytes], bool]
"""Returns whether a record starts on a line, judging by the line before and the line itself.

It gets up to 1,024 bytes of the line, and None if the line before has more. It must return True only where
the adapter's `read` starts a record too; a wrong False only makes two records count as one.
"""

# Bytes of a line, or of the one before it, that tell whether a record starts on it.
_PEEKED = 1_024
# Read with a block, so that the end of its last record seldom takes a second read; and from then on.
_READ_BEHIND = 8 * 2**10
_NEXT_READ = 32 * 2**10
_LARGEST_READ = 4 * 2**20
# A counted line end may have been two bytes in the file.
_LONGEST = 2 * MAX_RECORD_BYTES


class BlockFile(File):
    """The records that start in one block, whose layout is that of the file's lines."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """A block of a file of lines, from the offset of its first byte to the offset after its last."""

    file: File
    start: int
    end: int

    def load(self, start_rule: StartRule) -> File | None:
        """Return the records that start in the block as a file, or None if none does.

        No more of the file is read than the block and the rest of its last record.
        """
        with self.file.open_random_access() as stream:
            # One more byte, so that every block sees the same of a line.
            lines = _LineBuffer(stream, max(0, self.start - _PEEKED - 1), self.end + _READ_BEHIND)
            first = next(lines.find_starts(self.start, self.end, start_rule), None)
            if first is None:
                return None
            # What is cut off here is longer than any record that is read.
            limit = self.end + _LONGEST
            last = next(lines.find_starts(self.end, limit, start_rule), limit)
            content = lines.read_range(first, last)
        return make_block_file(self.file, first, content)

    def read_spans(self, start_rule: StartRule) -> Iterator[tuple[int, bytes]]:
        """Yield where each record of the block starts, and its bytes.

        Where the rule misses the start of a record, the bytes hold that one too.
        """
        with self.file.open_random_access() as stream:
            lines = _LineBuffer(stream, max(0, self.start - _PEEKED - 1), self.end + _READ_BEHIND)
            starts = list(lines.find_starts(self.start, self.end, start_rule))
            if not starts:
                return
            limit = self.end + _LONGEST
            starts.append(next(lines.find_starts(self.end, limit, start_rule), limit))
            for first, last in pairwise(starts):
                yield first, lines.read_range(first, last)

    def may_hold(self, start: int, end: int) -> bool:
        """Return whether a record of the block may be from one offset to another."""
        return self.start <= start < self.end and start < end <= self.end + _LONGEST


def make_block_file(file: File, start: int, content: bytes) -> File:
    """Return some lines of a file as a file of their own, named for the offset at which they start."""
    return BlockFile(
        f"{file.name}@{start}",
        lambda: cast("BinaryIO", io.BytesIO(content)),
        len(content),
        encoding=file.encoding,
        is_part=start > 0,
    )


def draw_blocks(files: Sequence[File], seed: int) -> Iterator[LineBlock]:
    """Yield the blocks of all the files, whose sizes are known, in seeded order."""
    ends = list(accumulate(-(-(file.size or 0) // BLOCK_SIZE) for file in files))
    for index in draw_indices(ends[-1], seed, "blocks"):
        owner = bisect_right(ends, index)
        start = (index - (ends[owner - 1] if owner else 0)) * BLOCK_SIZE
        yield LineBlock(files[owner], start, start + BLOCK_SIZE)


def peek_first_character(file: File) -> str:
    """Return a decompressed file's first character that isn't white space, reading little of the file."""
    return read_first_character(_buffered(file))


def peek_first_line(file: File) -> tuple[str, bool]:
    """Return the beginning of a decompressed file's first line that isn't blank, and whether it is cut."""
    with open_text(_buffered(file)) as stream:
        head = stream.read(_PEEKED)
    line, end, _ = head.decode("utf-8-sig", "replace").lstrip().partition("\n")
    return line, not end and len(head) == _PEEKED


def _buffered(file: File) -> File:
    """Return a file that is read a little at a time."""

    def open_buffered() -> BinaryIO:
        return io.BufferedReader(cast("io.RawIOBase", file.open_random_access()), _PEEKED)

    return replace(file, open_bytes=open_buffered)


class _LineBuffer:
    """The bytes of a file from an offset on, read further when they are needed."""

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self._stream = stream
        self._start = start
        self._step = end - start
        self._next_step = _NEXT_READ
        self._bytes = bytearray()
        self._ended = False
        stream.seek(start)

    def find_starts(self, start: int, end: int, start_rule: StartRule) -> Iterator[int]:
        """Yield the offsets between two others at which records start."""
        offset = 0 if start == 0 else self._find_next_line(start - 1, end)
        while offset is not None and offset < end:
            if not self._read_up_to(offset + 1):
                return
            if offset == 0 or start_rule(self._peek_line_before(offset), self._peek_line(offset)):
                yield offset
            offset = self._find_next_line(offset, end)

    def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from one offset to another, or to the end of the file."""
        self._read_up_to(end)
        return bytes(self._bytes[start - self._start : end - self._start])

    def _find_next_line(self, offset: int, end: int) -> int | None:
        """Return where the line after the one at an offset starts, if that is before the end."""
        while True:
            line_end = self._bytes.find(b"\n", offset - self._start, end - 1 - self._start)
            if line_end >= 0:
                return self._start + line_end + 1
            offset = max(offset, self._start + len(self._bytes))
            if offset >= end - 1 or not self._read_up_to(offset + 1):
                return None

    def _peek_line_before(self, offset: int) -> bytes | None:
        """Return the line before the one that starts at an offset; None if it is very long."""
        stop = offset - self._start - 1
        start = self._bytes.rfind(b"\n", max(0, stop - _PEEKED), stop) + 1
        if not start and (self._start or stop > _PEEKED):
            return None
        return bytes(self._bytes[start:stop])

    def _peek_line(self, offset: int) -> bytes:
        self._read_up_to(offset + _PEEKED)
        start = offset - self._start
        return bytes(self._bytes[start : start + _PEEKED]).partition(b"\n")[0]

    def _read_up_to(self, end: int) -> bool:
        """Read on until the bytes before an offset are there; return whether the file has them."""
        while self._start + len(self._bytes) < end and not self._ended:
            piece = self._stream.read(self._step)
            self._bytes += piece
            self._ended = not piece
            self._step, self._next_step = self._next_step, min(2 * self._next_step, _LARGEST_READ)
        return self._start + len(self._bytes) >= end
