"""Large files of lines, of which any place can be read.

A corpus of such files is the set of all its blocks of 64 KiB. A record belongs to the block
in which its first line begins, so that long lines are not favoured, and is read to its end.
The records of one block are a window: a file of their own, named for the byte it begins at.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import BinaryIO, TypeAlias, cast

from calibset.sources.sampling.interleave import drawn
from calibset.storage.files import LONGEST_RECORD, File, first_character

BLOCK = 2**16
"""Bytes of a block."""

BLOCKS_AT_ONCE = 128
"""Blocks that are loaded together: many small ones tell more of a corpus than a few large ones."""

Begins: TypeAlias = Callable[[bytes | None, bytes], bool]
"""Tells whether a line begins a record.

It is given the line before, None where that has more than 1,024 bytes, and up to 1,024 bytes of
the line itself. True only where the adapter's `read` begins a record as well; a False in its
place costs no more than that two records count as one.
"""

# How much of a line, or of the one before it, is looked at to tell whether it begins a record.
_SEEN = 1_024
# Read with a block, so that the end of its last record seldom takes a second read; and from then on.
_BEHIND = 8 * 2**10
_FURTHER = 32 * 2**10
_MOST_AT_ONCE = 4 * 2**20
# A counted line end may have been two bytes in the file.
_LONGEST = 2 * LONGEST_RECORD


@dataclass(frozen=True, slots=True)
class Window:
    """A block of a file.

    Attributes:
        file: Unpacked, of lines.
        start: Its first byte.
        end: One past its last byte.
    """

    file: File
    start: int
    end: int

    def load(self, begins: Begins) -> File | None:
        """Return the records that begin in it as a file, or None if none does.

        No more of the file is read than the block and what its last record has behind it.
        """
        with self.file.open_parts() as stream:
            # One more byte, so that every block sees the same of a line.
            lines = _Lines(stream, max(0, self.start - _SEEN - 1), self.end + _BEHIND)
            first = next(lines.beginnings(self.start, self.end, begins), None)
            if first is None:
                return None
            # What is cut off here is longer than any record that is read.
            last = next(lines.beginnings(self.end, self.end + _LONGEST, begins), self.end + _LONGEST)
            content = lines.between(first, last)
        return File(f"{self.file.name}@{first}", lambda: cast("BinaryIO", io.BytesIO(content)), len(content))


def drawn_windows(files: Sequence[File], seed: int) -> Iterator[Window]:
    """Yield the blocks of all the files, of which the sizes are known, in seeded order."""
    ends = list(accumulate(-(-(file.size or 0) // BLOCK) for file in files))
    for number in drawn(ends[-1], seed, "blocks"):
        at = bisect_right(ends, number)
        start = (number - (ends[at - 1] if at else 0)) * BLOCK
        yield Window(files[at], start, start + BLOCK)


def first_seen(file: File) -> str:
    """Return the first character of an unpacked file that is no white space, at a small cost."""

    def open_little() -> BinaryIO:
        return io.BufferedReader(cast("io.RawIOBase", file.open_parts()), _SEEN)

    return first_character(replace(file, open_bytes=open_little))


class _Lines:
    """The lines of a file from a place on, read further as they are asked for."""

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self._stream = stream
        self._start = start
        self._step = end - start
        self._further = _FURTHER
        self._text = bytearray()
        self._ended = False
        stream.seek(start)

    def beginnings(self, start: int, end: int, begins: Begins) -> Iterator[int]:
        """Yield where records begin between two places."""
        at = 0 if start == 0 else self._after_line(start - 1, end)
        while at is not None and at < end:
            if not self._has(at + 1):
                return
            if at == 0 or begins(self._before(at), self._line(at)):
                yield at
            at = self._after_line(at, end)

    def between(self, start: int, end: int) -> bytes:
        """Return the bytes from one place to another, or to the end of the file."""
        self._has(end)
        return bytes(self._text[start - self._start : end - self._start])

    def _after_line(self, at: int, end: int) -> int | None:
        """Return where the line after the one at a place begins, if that is before the end."""
        while True:
            found = self._text.find(b"\n", at - self._start, end - 1 - self._start)
            if found >= 0:
                return self._start + found + 1
            at = max(at, self._start + len(self._text))
            if at >= end - 1 or not self._has(at + 1):
                return None

    def _before(self, at: int) -> bytes | None:
        """Return the line before the one that begins at a place; None if it is very long."""
        stop = at - self._start - 1
        begin = self._text.rfind(b"\n", max(0, stop - _SEEN), stop) + 1
        if not begin and (self._start or stop > _SEEN):
            return None
        return bytes(self._text[begin:stop])

    def _line(self, at: int) -> bytes:
        self._has(at + _SEEN)
        line, _, _ = bytes(self._text[at - self._start : at - self._start + _SEEN]).partition(b"\n")
        return line

    def _has(self, end: int) -> bool:
        """Read on until the bytes before a place are there; return whether they are."""
        while self._start + len(self._text) < end and not self._ended:
            piece = self._stream.read(self._step)
            self._text += piece
            self._ended = not piece
            self._step, self._further = self._further, min(2 * self._further, _MOST_AT_ONCE)
        return self._start + len(self._text) >= end
