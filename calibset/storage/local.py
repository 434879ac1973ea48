"""Local files and folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from calibset.core.errors import SourceError
from calibset.storage.files import File, match_names


@dataclass(frozen=True, slots=True)
class LocalReader:
    """A local file or folder.

    Hidden files and files in hidden folders are skipped. Symbolic links to folders are not followed; a
    link to a file is, as long as that file is inside the folder.

    Attributes:
        location: The location as the recipe spells it; messages name it, never ``path``.
        path: The path on this machine.
    """

    location: str
    path: Path
    revision: None = None

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the matching files, sorted by name; a location that is one file returns that file.

        Raises:
            SourceError: Nothing matches, or a match is a link out of the folder.
        """
        if self.path.is_file():
            return (self._file(_name(self.path.name), self.path),)
        # Sorted by path first: if two names read the same, the same file is taken every time.
        paths = {_name(path.relative_to(self.path).as_posix()): path for path in sorted(self._paths())}
        names = match_names(tuple(paths), patterns, self.location)
        root = self.path.resolve()
        for name in names:
            if not paths[name].resolve().is_relative_to(root):
                raise SourceError(
                    f"{self.location}: {name} is a symbolic link out of the folder, which is not followed; "
                    "put the file itself there, or leave it out with files = [...]"
                )
        return tuple(self._file(name, paths[name]) for name in names)

    def _paths(self) -> list[Path]:
        return [
            path
            for path in self.path.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.path).parts)
        ]

    def _file(self, name: str, path: Path) -> File:
        return File(name, lambda: _open(path, self.location), path.stat().st_size)


def _name(path: str) -> str:
    # A name that is not UTF-8 could not be written into a manifest.
    return os.fsencode(path).decode("utf-8", "replace")


def _open(path: Path, location: str) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open("rb"))
    except OSError as error:
        raise SourceError(f"{location}: {_name(path.name)} can't be opened: {error.strerror}") from error
