"""Files of a location, which open the same way wherever they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO, Protocol

from calibset.core.errors import NotThereError
from calibset.storage.encodings import extends_ascii

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""The suffixes of the names of compressed files."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a location.

    Attributes:
        name: Its path inside the location, with forward slashes.
        open_bytes: Opens the file as a seekable stream, which the caller closes.
        size: In bytes; None if it isn't known before the file is read.
        open_ranges: Opens it for a reader that seeks, so that only the bytes that are read are
            fetched from a server. None where that makes no difference.
        encoding: What its text is written in, if it is text: the name of a Python codec.
        is_part: Whether it is the lines of a larger file from a later one on.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None
    open_ranges: Callable[[], BinaryIO] | None = None
    encoding: str = "utf-8"
    is_part: bool = False

    def open_random_access(self) -> BinaryIO:
        """Open the file for a reader that seeks."""
        return (self.open_ranges or self.open_bytes)()

    @property
    def stem(self) -> str:
        """The file's name without folders and without the compression suffix."""
        base = self.name.rsplit("/", 1)[-1]
        for suffix in COMPRESSED_SUFFIXES:
            base = base.removesuffix(suffix)
        return base

    @property
    def is_compressed(self) -> bool:
        """Whether the file is compressed as a whole."""
        return self.name.endswith(COMPRESSED_SUFFIXES)

    @property
    def has_plain_lines(self) -> bool:
        """Whether every byte of a line feed ends a line, so that reading may begin behind any of them."""
        return not self.is_compressed and extends_ascii(self.encoding)


class Reader(Protocol):
    """Opens the files of a location."""

    @property
    def location(self) -> str:
        """The location as the recipe spells it."""
        ...

    @property
    def revision(self) -> str | None:
        """The commit that is read; None if the location has no revisions."""
        ...

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the files that match any of the shell-style patterns, sorted by name.

        A location that is a single file returns that file, whatever the patterns.

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


def memory_reader(
    contents: dict[str, bytes], location: str = "memory", revision: str | None = None
) -> Reader:
    """Return a reader of files in memory, for tests and notebooks.

    Args:
        contents: The bytes of the files, by name.
        location: The name of the location in messages.
        revision: What identifies the contents.

    Examples:
        >>> reader = memory_reader({"a.txt": b"one", "b.json": b"{}"})
        >>> [file.name for file in reader.files("*.txt")]
        ['a.txt']
    """
    return _InMemory(contents, location, revision)


def match_names(names: tuple[str, ...], patterns: tuple[str, ...], location: str) -> list[str]:
    """Return the sorted names that match any shell-style pattern; ``*`` matches slashes too.

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
