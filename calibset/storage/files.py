"""Files of a location, which open the same way wherever they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from calibset.storage.encodings import extends_ascii
from calibset.storage.file_names import COMPRESSED_SUFFIXES, lower_suffixes, match_names


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
        is_suspect: Whether readers look into it to tell how it is read, although it is small: its name may
            be wrong, and it isn't loaded whole.
        sha256: The hash of its contents that its server gives; empty if none does.
        stamp: What is another when its contents are, as far as the disk or the server tells; empty if neither
            does.
        fetches_ahead: Whether a reader may fetch what it will need next together with what it needs now.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None
    open_ranges: Callable[[], BinaryIO] | None = None
    encoding: str = "utf-8"
    is_part: bool = False
    is_suspect: bool = False
    sha256: str = ""
    stamp: str = ""
    fetches_ahead: bool = True

    def open_random_access(self) -> BinaryIO:
        """Open the file for a reader that seeks."""
        return (self.open_ranges or self.open_bytes)()

    @property
    def stem(self) -> str:
        """The file's name without folders and without the compression suffix."""
        base = lower_suffixes(self.name).rsplit("/", 1)[-1]
        for suffix in COMPRESSED_SUFFIXES:
            base = base.removesuffix(suffix)
        return base

    @property
    def is_compressed(self) -> bool:
        """Whether the file's name says that it is compressed as a whole."""
        return self.name.lower().endswith(COMPRESSED_SUFFIXES)

    @property
    def has_plain_lines(self) -> bool:
        """Whether every byte of a line feed ends a line, so that reading may begin behind any of them.

        It is judged by the name: `calibset.sources.sampling.files.has_plain_lines` looks into a large file.
        """
        return not self.is_compressed and extends_ascii(self.encoding)


Choice = Callable[[list[str]], list[str]]
"""Returns some of the names that it is given, in their order."""


def keep_all(names: list[str]) -> list[str]:
    """Return the names: all files are wanted."""
    return names


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

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the files that match any of the shell-style patterns, sorted by name.

        A location that is a single file returns that file, whatever the patterns.

        Args:
            patterns: The patterns; one that is a file's name means that file only.
            choose: Returns those of the matching names whose files are wanted.

        Raises:
            SourceError: Nothing matches.
        """
        ...


@dataclass(frozen=True, slots=True)
class _InMemory:
    contents: dict[str, bytes]
    location: str
    revision: str | None = None

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        names = choose(match_names(tuple(self.contents), patterns, self.location))
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
