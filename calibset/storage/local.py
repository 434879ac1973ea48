"""Local files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

from calibset.core.errors import SourceError
from calibset.storage.file_names import match_names
from calibset.storage.files import Choice, File, keep_all
from calibset.storage.links import CACHED_REPO, SNAPSHOTS, find_roots, leads_out

# Names below a linked folder that are looked at to see whether it would be read, and below all of them.
_MOST_LINKED, _MOST_OUTSIDE = 10_000, 1_000_000
# Folders inside each other, and those that links lead to: a few of these, one after the other, name more
# files than could ever be listed.
_DEEPEST = 100
_MOST_LINKED_FOLDERS = 10_000
# More than the name of a commit has.
_LONGEST_COMMIT = 100


@dataclass(frozen=True)
class LocalReader:
    """A local file or folder.

    Hidden files and files in hidden folders are skipped. A symbolic link is followed as long as it leads to
    somewhere inside the folder or, in a snapshot of the hub's cache, to the blobs of the same repository.

    Attributes:
        location: The location as the recipe spells it; messages name it, never ``path``.
        path: The path on this machine.
        pattern: The pattern in the location that the folder's files match; then no other does.
    """

    location: str
    path: Path
    pattern: str = ""
    revision: None = None

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the matching files, sorted by name; a location that is one file returns that file.

        Raises:
            SourceError: Nothing matches, or a match is a link out of the folder or to nothing.
        """
        if self.path.is_file():
            return (self._file(_name(self.path.name), self.path),)
        # Sorted by path first: if two names read the same, the same file is taken every time.
        paths = {_name(path.relative_to(self.path).as_posix()): path for path in sorted(self._paths())}
        names = choose(
            match_names(tuple(paths), (self.pattern,) if self.pattern else patterns, self.location)
        )
        for name in names:
            self._refuse_broken_link(name, paths[name])
        return tuple(self._file(name, paths[name]) for name in names)

    def _paths(self) -> Iterator[Path]:
        """Yield the paths of files, and of what would be files if their links led to one."""
        # Each folder with the real ones that it is in, and whether a link led there.
        waiting: list[tuple[Path, tuple[Path, ...], bool]] = [(self.path, (), False)]
        outside: list[Path] = []
        linked = 0
        while waiting:
            folder, above, is_linked = waiting.pop()
            real = folder.resolve()
            if real in above:  # a link to a folder that it is in
                continue
            linked += is_linked
            self._refuse_endless(len(above), linked)
            for entry in self._scan(folder):
                path = folder / entry.name
                if not _is_folder(entry):
                    if entry.is_symlink() or _is_file(entry):
                        yield path
                elif not entry.is_symlink() or self._is_inside(path):
                    waiting.append((path, (*above, real), is_linked or entry.is_symlink()))
                else:
                    outside.append(path)
        yield from self._list_outside(outside)

    def _list_outside(self, folders: list[Path]) -> Iterator[Path]:
        """Yield what links out of the folder lead to; it is never opened, but the recipe may ask for it."""
        names = chain.from_iterable(islice(_names_below(path), _MOST_LINKED) for path in folders)
        for number, path in enumerate(names):
            if number >= _MOST_OUTSIDE:
                raise self._too_much(f"links lead out of it to more than {_MOST_OUTSIDE:,} files")
            yield path

    def _refuse_endless(self, depth: int, linked: int) -> None:
        if depth > _DEEPEST:
            raise self._too_much(f"more than {_DEEPEST} folders lie inside each other")
        if linked > _MOST_LINKED_FOLDERS:
            raise self._too_much(f"links lead to more than {_MOST_LINKED_FOLDERS:,} folders in it")

    def _too_much(self, fault: str) -> SourceError:
        return SourceError(f"{self.location}: {fault}; name the folder that is to be read")

    def _scan(self, folder: Path) -> list[os.DirEntry[str]]:
        """Return what is in a folder, but for what is hidden."""
        try:
            with os.scandir(folder) as entries:
                return [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            raise SourceError(
                f"{self.location}: {_name(folder.name)} can't be listed: {error.strerror}"
            ) from error

    def _refuse_broken_link(self, name: str, path: Path) -> None:
        if not self._is_inside(path):
            outer = next(part for part in (*reversed(path.parents), path) if self._leads_out(part))
            link = _name(outer.relative_to(self.path).as_posix())
            raise SourceError(
                f"{self.location}: {link} is a symbolic link out of the folder, which is not followed; "
                f"put the {'file' if outer == path else 'folder'} itself there, "
                "or leave it out with files = [...]"
            )
        if not path.is_file():
            raise SourceError(
                f"{self.location}: {name} is a symbolic link to a file that is not there; fetch that file, "
                "or leave it out with files = [...]"
            )

    def _leads_out(self, path: Path) -> bool:
        return path != self.path and path.is_relative_to(self.path) and not self._is_inside(path)

    def _is_inside(self, path: Path) -> bool:
        return not leads_out(path, self._roots)

    @cached_property
    def _roots(self) -> tuple[Path, ...]:
        return find_roots(self.path)

    def _file(self, name: str, path: Path) -> File:
        status = path.stat()
        return File(
            name, lambda: _open(path, self.location), status.st_size, stamp=f"changed {status.st_mtime_ns}"
        )


def find_main_snapshot(path: Path) -> Path:
    """Return the snapshot of the main branch if a path is a repository in the hub's cache; else the path."""
    if not CACHED_REPO.fullmatch(path.name):
        return path
    main = path / "refs" / "main"
    if not main.is_file():
        return path
    try:
        with main.open(encoding="ascii") as stream:
            commit = stream.read(_LONGEST_COMMIT).strip()
    except (OSError, ValueError):
        return path
    snapshot = path / SNAPSHOTS / commit
    return snapshot if commit.isalnum() and snapshot.is_dir() else path


def _names_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _name(path: str) -> str:
    # A name that is not UTF-8 could not be written into a manifest.
    return os.fsencode(path).decode("utf-8", "replace")


def _open(path: Path, location: str) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open("rb"))
    except OSError as error:
        raise SourceError(f"{location}: {_name(path.name)} can't be opened: {error.strerror}") from error
