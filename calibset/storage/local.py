"""Files of a local place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from calibset.errors import SourceError
from calibset.storage.files import File, matching

__all__ = ["LocalReader"]


@dataclass(frozen=True, slots=True)
class LocalReader:
    """A local file or folder.

    Attributes:
        place: As the recipe spells it; where it stands on this machine is nobody's business.
        path: Where it stands.
    """

    place: str
    path: Path
    revision: None = None

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the matching files by name; a place that is one file gives that file.

        Raises:
            SourceError: Nothing matches.
        """
        if self.path.is_file():
            return (self._file(self.path.name, self.path),)
        names = tuple(
            found.relative_to(self.path).as_posix()
            for found in self.path.rglob("*")
            if found.is_file() and not found.name.startswith(".")
        )
        return tuple(self._file(name, self.path / name) for name in matching(names, patterns, self.place))

    def _file(self, name: str, path: Path) -> File:
        return File(name, lambda: _opened(path, self.place), path.stat().st_size)


def _opened(path: Path, place: str) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open("rb"))
    except OSError as error:
        raise SourceError(f"{place}: {path.name} can't be opened: {error.strerror}") from error
