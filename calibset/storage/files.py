"""What a place holds: files that open the same way wherever they are."""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO, Protocol

from calibset.core.documents import Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.storage.compression import COMPRESSED_SUFFIXES, damage, fault, unpacked

MAX_RECORD_BYTES = 16 * 2**20
"""Bytes that a record may have, unpacked; a longer one is rejected and not kept in memory."""

MAX_WHOLE_FILE_BYTES = 256 * 2**20
"""Bytes that a file may have, unpacked, whose form takes it to be read as a whole."""

# What surrogateescape makes of bytes that are no UTF-8.
_FAULTS = re.compile("[\udc80-\udcff]")
_EXCERPT = 200
_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class File:
    """One file of a place.

    Attributes:
        name: Its path inside the place, with forward slashes.
        open_bytes: Opens it; seekable, the caller closes it.
        size: In bytes, where the place tells without opening.
        open_ranges: Opens it for a reader that skips info: of a file on a server nothing is
            fetched but what is asked for. None where that makes no difference.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None
    open_ranges: Callable[[], BinaryIO] | None = None

    def open_random_access(self) -> BinaryIO:
        """Open it for a reader that skips about."""
        return (self.open_ranges or self.open_bytes)()

    @property
    def stem(self) -> str:
        """The file's name without folders and compression suffix."""
        base = self.name.rsplit("/", 1)[-1]
        for suffix in COMPRESSED_SUFFIXES:
            base = base.removesuffix(suffix)
        return base

    @property
    def is_compressed(self) -> bool:
        """Whether its contents are compressed as a whole."""
        return self.name.endswith(COMPRESSED_SUFFIXES)


class Reader(Protocol):
    """Opens the files of the place that a source was found at."""

    @property
    def location(self) -> str:
        """The location as the recipe spells it."""
        ...

    @property
    def revision(self) -> str | None:
        """The commit that is read, where the place has revisions."""
        ...

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the files that match any of the shell-style patterns, by name.

        A place that is a single file gives that file whatever the patterns.

        Raises:
            SourceError: Nothing matches.
        """
        ...


@dataclass(frozen=True, slots=True)
class _InMemory:
    contents: dict[str, bytes]
    location: str
    revision: str | None = None

    def files(self, *patterns: str) -> tuple[File, ...]:
        names = match_names(tuple(self.contents), patterns, self.location)
        return tuple(
            File(name, lambda name=name: io.BytesIO(self.contents[name]), len(self.contents[name]))  # type: ignore[misc]
            for name in names
        )


def memory_reader(contents: dict[str, bytes], location: str = "memory") -> Reader:
    """Return a reader over files that stand in memory: for tests and notebooks.

    Examples:
        >>> reader = memory_reader({"a.txt": b"one", "b.json": b"{}"})
        >>> [file.name for file in reader.files("*.txt")]
        ['a.txt']
    """
    return _InMemory(contents, location)


def match_names(names: tuple[str, ...], patterns: tuple[str, ...], place: str) -> list[str]:
    """Return the sorted names that match any pattern; ``*`` crosses folders.

    Raises:
        SourceError: Nothing matches.
    """
    found = sorted(name for name in names if any(fnmatchcase(name, p) for p in patterns))
    if not found:
        raise NotThereError(
            f"{place}: no file matches {', '.join(patterns)}; "
            f"it holds {_a_few(sorted(names))}: name the right ones with files = [...]"
        )
    return found


def _a_few(names: list[str], most: int = 5) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def open_decompressed(file: File) -> Iterator[BinaryIO]:
    """Open a file, unpacking ``.gz``, ``.bz2``, ``.xz`` and ``.zst`` as a stream.

    Raises:
        SourceError: What is unpacked is damaged or cut off, or takes too much memory to unpack.
    """
    with file.open_bytes() as raw:
        try:
            with closing(unpacked(file.name, raw)) as plain:
                yield plain
        except (EOFError, OSError, damage(file.name)) as error:
            raise SourceError(f"{file.name}: {fault(error)}") from error


def read_whole(file: File) -> bytes:
    """Return all that a file holds, unpacked.

    Raises:
        SourceError: It is damaged, or has more than `MAX_WHOLE_FILE_BYTES` bytes.
    """
    content = io.BytesIO()
    with open_decompressed(file) as stream:
        while piece := stream.read(_PIECE):
            content.write(piece)
            if content.tell() > MAX_WHOLE_FILE_BYTES:
                raise SourceError(
                    f"{file.name}: holds more than {MAX_WHOLE_FILE_BYTES:,} bytes, too many for a file that "
                    "is read as a whole; split it, or leave it out with files = [...]"
                )
    return content.getvalue()


def read_first_character(file: File) -> str:
    """Return the first character of a UTF-8 file that is no white space; empty if there is none."""
    decoder = getincrementaldecoder("utf-8-sig")("replace")
    with open_decompressed(file) as stream:
        while piece := stream.readline(_PIECE):
            if text := decoder.decode(piece).lstrip():
                return text[0]
    return ""


def read_lines(file: File, *, keep_undecodable: bool = False) -> Iterator[str | Rejection]:
    r"""Yield the lines of a UTF-8 file without their ends; only ``\n`` and ``\r\n`` end one.

    A byte order mark at the start is dropped. A line of more than `MAX_RECORD_BYTES` bytes is
    passed over without being kept; a rejection stands for it.

    Args:
        file: What to read.
        keep_undecodable: Keep bytes that are no UTF-8 so that `has_undecodable_bytes` finds them, in place of
            reading them as U+FFFD.
    """
    errors = "surrogateescape" if keep_undecodable else "replace"
    number = 0
    with open_decompressed(file) as stream:
        while line := stream.readline(MAX_RECORD_BYTES + 1):
            number += 1
            plain = line.removeprefix(BOM_UTF8) if number == 1 else line
            if len(line) <= MAX_RECORD_BYTES:
                yield plain.decode("utf-8", errors).removesuffix("\n").removesuffix("\r")
                continue
            # No character takes more than four bytes.
            rejection = _too_long(f"{file.name}:{number}", plain[: 4 * _EXCERPT].decode("utf-8", "replace"))
            del plain
            while line and not line.endswith(b"\n"):
                line = stream.readline(_PIECE)
            yield rejection


class RecordLines:
    r"""Lines that make up one record together, of `MAX_RECORD_BYTES` bytes at most.

    Attributes:
        position: The file and the line that it begins on.
        lines: How many there are.
        rejection: What stands for them if they have too many bytes; then none is kept.

    Examples:
        >>> block = RecordLines("a.txt:7")
        >>> block.add("one")
        >>> block.add("two")
        >>> block.text()
        'one\ntwo'
    """

    def __init__(self, position: str) -> None:
        self.position = position
        self.lines = 0
        self.rejection: Rejection | None = None
        self._size = 0
        self._text = io.StringIO()

    def add(self, line: str | Rejection) -> None:
        """Add one of what `read_lines` yields."""
        self.lines += 1
        if self.rejection:
            return
        text = line.excerpt if isinstance(line, Rejection) else line
        self._size += 1 + len(text if text.isascii() else text.encode("utf-8", "surrogateescape"))
        self._text.write(text if self.lines == 1 else "\n" + text)
        if isinstance(line, Rejection) or self._size > MAX_RECORD_BYTES:
            self.rejection = _too_long(self.position, self._text.getvalue())
            self._text.close()

    def text(self) -> str | Rejection:
        """Return the text of the lines, or a rejection if they are too long."""
        return self.rejection or self._text.getvalue()


def _too_long(position: str, text: str) -> Rejection:
    excerpt = _FAULTS.sub("\ufffd", text[:_EXCERPT])
    return Rejection(position=position, reason="record too long", excerpt=excerpt)


def has_undecodable_bytes(text: str) -> bool:
    """Return whether a text of `read_lines` with ``mark_faults`` holds bytes that are no UTF-8."""
    return not text.isascii() and _FAULTS.search(text) is not None
