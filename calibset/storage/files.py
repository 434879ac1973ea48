"""What a place holds: files that open the same way wherever they are."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO, Protocol

from calibset.errors import SourceError

__all__ = ["File", "Reader", "in_memory", "matching", "open_plain", "text_lines"]

_OPENERS = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a place.

    Attributes:
        name: Its path inside the place, with forward slashes.
        open_bytes: Opens it; seekable, the caller closes it.
        size: In bytes, where the place tells without opening.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None

    @property
    def stem(self) -> str:
        """The file's name without folders and compression suffix."""
        base = self.name.rsplit("/", 1)[-1]
        for suffix in _OPENERS:
            base = base.removesuffix(suffix)
        return base


class Reader(Protocol):
    """Opens the files of the place that a source was found at.

    Attributes:
        place: The location as the recipe spells it.
        revision: The commit that was read, where the place has revisions.
    """

    @property
    def place(self) -> str: ...

    @property
    def revision(self) -> str | None: ...

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
    place: str
    revision: str | None = None

    def files(self, *patterns: str) -> tuple[File, ...]:
        names = matching(tuple(self.contents), patterns, self.place)
        return tuple(
            File(name, lambda name=name: io.BytesIO(self.contents[name]), len(self.contents[name]))  # type: ignore[misc]
            for name in names
        )


def in_memory(contents: dict[str, bytes], place: str = "memory") -> Reader:
    """Return a reader over files that stand in memory: for tests and notebooks.

    Examples:
        >>> reader = in_memory({"a.txt": b"one", "b.json": b"{}"})
        >>> [file.name for file in reader.files("*.txt")]
        ['a.txt']
    """
    return _InMemory(contents, place)


def matching(names: tuple[str, ...], patterns: tuple[str, ...], place: str) -> list[str]:
    """Return the sorted names that match any pattern; ``*`` crosses folders.

    Raises:
        SourceError: Nothing matches.
    """
    found = sorted(name for name in names if any(fnmatchcase(name, p) for p in patterns))
    if not found:
        raise SourceError(
            f"{place}: no file matches {', '.join(patterns)}; "
            f"it holds {_a_few(sorted(names))}: name the right ones with files = [...]"
        )
    return found


def _a_few(names: list[str], most: int = 5) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def open_plain(file: File) -> Iterator[BinaryIO]:
    """Open a file, unpacking ``.gz``, ``.bz2``, ``.xz`` and ``.zst`` as a stream."""
    with file.open_bytes() as raw:
        if file.name.endswith(".gz"):
            import gzip

            yield gzip.GzipFile(fileobj=raw)  # type: ignore[misc]
        elif file.name.endswith(".bz2"):
            import bz2

            yield bz2.BZ2File(raw)  # type: ignore[misc]
        elif file.name.endswith(".xz"):
            import lzma

            yield lzma.LZMAFile(raw)  # type: ignore[misc]
        elif file.name.endswith(".zst"):
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as plain:
                yield io.BufferedReader(plain)  # type: ignore[type-var]
        else:
            yield raw


def text_lines(file: File) -> Iterator[str]:
    """Yield the lines of a UTF-8 file without their ends; only ``\\n`` and ``\\r\\n`` end one.

    Bytes that are no UTF-8 become U+FFFD; a byte order mark at the start is dropped.
    """
    with open_plain(file) as stream:
        for number, line in enumerate(stream):
            text = line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
            yield text.removeprefix("\ufeff") if number == 0 else text
