"""Files of a location, which open and read the same way wherever they are."""

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
from calibset.storage.compression import COMPRESSED_SUFFIXES, damage_error, decompress, explain_damage

MAX_RECORD_BYTES = 16 * 2**20
"""Bytes that a record may have, decompressed; a longer one is rejected and not held in memory."""

MAX_WHOLE_FILE_BYTES = 256 * 2**20
"""Bytes that a file may have, decompressed, if its format has to be read as a whole."""

# What surrogateescape makes of bytes that are not UTF-8.
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_EXCERPT_LENGTH = 200
_BLOCK = 2**16


@dataclass(frozen=True, slots=True)
class File:
    """One file of a location.

    Attributes:
        name: Its path inside the location, with forward slashes.
        open_bytes: Opens it as a seekable stream, which the caller closes.
        size: In bytes; None where it isn't known before the file is read.
        open_ranges: Opens it for a reader that skips about: of a file on a server only the bytes
            that are read are fetched. None where that makes no difference.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None
    open_ranges: Callable[[], BinaryIO] | None = None

    def open_random_access(self) -> BinaryIO:
        """Open the file for a reader that skips about."""
        return (self.open_ranges or self.open_bytes)()

    @property
    def stem(self) -> str:
        """The file's name without folders and without the suffix of its compression."""
        base = self.name.rsplit("/", 1)[-1]
        for suffix in COMPRESSED_SUFFIXES:
            base = base.removesuffix(suffix)
        return base

    @property
    def is_compressed(self) -> bool:
        """Whether the file is compressed as a whole."""
        return self.name.endswith(COMPRESSED_SUFFIXES)


class Reader(Protocol):
    """Opens the files of a location."""

    @property
    def location(self) -> str:
        """The location as the recipe spells it."""
        ...

    @property
    def revision(self) -> str | None:
        """The commit that is read, where the location has revisions."""
        ...

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the files that match any of the shell-style patterns, by name.

        A location that is a single file gives that file whatever the patterns.

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
    """Return a reader of files in memory, for tests and notebooks.

    Args:
        contents: The bytes of the files, by name.
        location: What messages call the location.

    Examples:
        >>> reader = memory_reader({"a.txt": b"one", "b.json": b"{}"})
        >>> [file.name for file in reader.files("*.txt")]
        ['a.txt']
    """
    return _InMemory(contents, location)


def match_names(names: tuple[str, ...], patterns: tuple[str, ...], location: str) -> list[str]:
    """Return the sorted names that match any shell-style pattern; ``*`` crosses folders too.

    Raises:
        SourceError: Nothing matches.
    """
    matches = sorted(name for name in names if any(fnmatchcase(name, p) for p in patterns))
    if not matches:
        raise NotThereError(
            f"{location}: no file matches {', '.join(patterns)}; "
            f"it holds {_list_some(sorted(names))}: name the right ones with files = [...]"
        )
    return matches


def _list_some(names: list[str], most: int = 5) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def open_decompressed(file: File) -> Iterator[BinaryIO]:
    """Open a file as a stream of its contents, decompressed if its name ends in .gz, .bz2, .xz or .zst.

    Raises:
        SourceError: The file is damaged or cut off, or takes too much memory to decompress.
    """
    with file.open_bytes() as raw:
        try:
            with closing(decompress(file.name, raw)) as stream:
                yield stream
        except (EOFError, OSError, damage_error(file.name)) as error:
            raise SourceError(f"{file.name}: {explain_damage(error)}") from error


def read_whole(file: File) -> bytes:
    """Return the whole contents of a file, decompressed.

    Raises:
        SourceError: The file is damaged, or has more than `MAX_WHOLE_FILE_BYTES` bytes.
    """
    content = io.BytesIO()
    with open_decompressed(file) as stream:
        while block := stream.read(_BLOCK):
            content.write(block)
            if content.tell() > MAX_WHOLE_FILE_BYTES:
                raise SourceError(
                    f"{file.name}: holds more than {MAX_WHOLE_FILE_BYTES:,} bytes, too many for a file that "
                    "is read as a whole; split it, or leave it out with files = [...]"
                )
    return content.getvalue()


def read_first_character(file: File) -> str:
    """Return the first character of a UTF-8 file that isn't white space; empty if there is none."""
    decoder = getincrementaldecoder("utf-8-sig")("replace")
    with open_decompressed(file) as stream:
        while part := stream.readline(_BLOCK):
            if text := decoder.decode(part).lstrip():
                return text[0]
    return ""


def read_lines(file: File, *, keep_undecodable: bool = False) -> Iterator[str | Rejection]:
    r"""Yield the lines of a UTF-8 file without their ends; only ``\n`` and ``\r\n`` end one.

    A byte order mark at the start is dropped. In place of a line of more than `MAX_RECORD_BYTES` bytes,
    which is never held in memory, comes a rejection.

    Args:
        file: What to read.
        keep_undecodable: Whether bytes that are not UTF-8 are kept so that `has_undecodable_bytes` finds
            them; else they become U+FFFD.
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
            rejection = _reject_long(
                f"{file.name}:{number}", plain[: 4 * _EXCERPT_LENGTH].decode("utf-8", "replace")
            )
            del plain
            while line and not line.endswith(b"\n"):
                line = stream.readline(_BLOCK)
            yield rejection


class RecordLines:
    r"""Lines that together make up one record, of `MAX_RECORD_BYTES` bytes at most.

    Attributes:
        position: The file and the line that the record begins on.
        lines: How many lines were added.
        rejection: Set once the lines have too many bytes; they are no longer held then.

    Examples:
        >>> record = RecordLines("a.txt:7")
        >>> record.add("one")
        >>> record.add("two")
        >>> record.text()
        'one\ntwo'
    """

    def __init__(self, position: str) -> None:
        self.position = position
        self.lines = 0
        self.rejection: Rejection | None = None
        self._size = 0
        self._text = io.StringIO()

    def add(self, line: str | Rejection) -> None:
        """Add a line as `read_lines` yields it."""
        self.lines += 1
        if self.rejection:
            return
        text = line.excerpt if isinstance(line, Rejection) else line
        self._size += 1 + len(text if text.isascii() else text.encode("utf-8", "surrogateescape"))
        self._text.write(text if self.lines == 1 else "\n" + text)
        if isinstance(line, Rejection) or self._size > MAX_RECORD_BYTES:
            self.rejection = _reject_long(self.position, self._text.getvalue())
            self._text.close()

    def text(self) -> str | Rejection:
        """Return the text of the lines, or the rejection if they are too long."""
        return self.rejection or self._text.getvalue()


def _reject_long(position: str, text: str) -> Rejection:
    excerpt = _UNDECODABLE.sub("\ufffd", text[:_EXCERPT_LENGTH])
    return Rejection(position=position, reason="record too long", excerpt=excerpt)


def has_undecodable_bytes(text: str) -> bool:
    """Return whether a text holds bytes that are not UTF-8, which `read_lines` keeps if asked to."""
    return not text.isascii() and _UNDECODABLE.search(text) is not None
