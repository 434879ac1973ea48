"""A folder of scores, here or wherever fsspec reaches, to which several machines may write at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast
from uuid import uuid4

from calibset.core.atomic_write import remove_stale, write_atomically
from calibset.core.errors import OutputError, RecipeError

# Stores whose objects appear whole: one that is put is there, or it is not.
_WHOLE = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"))
# File systems in which an object is renamed when it is complete.
_RENAMED = frozenset(("hdfs", "webhdfs", "sftp", "ssh", "smb"))


@dataclass(frozen=True, slots=True)
class ScoreFolder:
    """A folder of small files, each of which is there whole or not at all, whoever else writes to it.

    Attributes:
        location: The folder's path or URL, as the recipe or the command line spells it.
        folder: The folder that a relative path is in.
    """

    location: str
    folder: Path = Path()

    def __post_init__(self) -> None:
        protocol, mark, _ = self.location.partition("://")
        if mark and ("::" in self.location or protocol not in _WHOLE | _RENAMED):
            known = ", ".join(sorted(_WHOLE | _RENAMED))
            raise RecipeError(f"{self.location}: scores are in a folder, or at a URL of {known}")

    def list_names(self) -> frozenset[str]:
        """Return the names of the files in the folder; none if it isn't there."""
        try:
            if self._is_local:
                with os.scandir(self._path) as entries:
                    return frozenset(entry.name for entry in entries if entry.is_file())
            system, root = self._open_system()
            paths = system.ls(root, detail=False, refresh=True)
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise OutputError(f"{self.location}: can't be listed: {_explain(error)}") from error
        return frozenset(str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths)

    def holds(self, name: str) -> bool:
        """Return whether a file is there by now, whoever wrote it.

        Raises:
            OutputError: That can't be known.
        """
        try:
            if self._is_local:
                return (self._path / name).is_file()
            system, root = self._open_system()
            system.invalidate_cache(root)
            return bool(system.exists(f"{root}/{name}"))
        except OSError as error:
            raise OutputError(f"{self.location}/{name}: can't be looked for: {_explain(error)}") from error

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for a reader that seeks.

        Raises:
            OutputError: It isn't there, or can't be read.
        """
        try:
            if self._is_local:
                stream = cast("BinaryIO", (self._path / name).open("rb"))
            else:
                system, root = self._open_system()
                stream = cast("BinaryIO", system.open(f"{root}/{name}", "rb"))
        except OSError as error:
            raise OutputError(f"{self.location}/{name}: can't be read: {_explain(error)}") from error
        with stream:
            yield stream

    def read_if_there(self, name: str, *, most: int) -> bytes | None:
        """Return a small file's bytes, no more than a number of them; None if it isn't there."""
        try:
            if self._is_local:
                # A pipe in a stranger's folder would be waited for.
                if not (self._path / name).is_file():
                    return None
                with (self._path / name).open("rb") as stream:
                    return stream.read(most)
            system, root = self._open_system()
            return bytes(system.cat_file(f"{root}/{name}", start=0, end=most))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{self.location}/{name}: can't be read: {_explain(error)}") from error

    def write(self, name: str, content: bytes) -> None:
        """Write a small file; whoever looks finds all of it or nothing.

        Raises:
            OutputError: It can't be written.
        """
        with self.create(name) as stream:
            stream.write(content)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing, which is there when the block succeeds: all of it or nothing.

        Raises:
            OutputError: It can't be written.
        """
        try:
            if self._is_local:
                self._path.mkdir(parents=True, exist_ok=True)
                with write_atomically(self._path / name) as stream:
                    yield stream
                return
            with TemporaryDirectory(prefix="calibset-") as folder:
                path = Path(folder, name)
                with path.open("wb") as stream:
                    yield stream
                self._send(path)
        except OSError as error:
            raise OutputError(f"{self.location}/{name}: can't be written: {_explain(error)}") from error

    def remove_leftovers(self) -> None:
        """Remove what processes that were killed a day ago or earlier had begun to write in a folder here."""
        if self._is_local:
            remove_stale(self._path)

    def _send(self, path: Path) -> None:
        """Copy a file to the store, under its name."""
        system, root = self._open_system()
        target = f"{root}/{path.name}"
        if self._protocol in _WHOLE:
            system.put_file(str(path), target)
            return
        system.makedirs(root, exist_ok=True)
        temporary = f"{root}/.{path.name}.{uuid4().hex}.tmp"
        system.put_file(str(path), temporary)
        with suppress(FileNotFoundError):
            system.rm_file(target)
        system.mv(temporary, target)

    @property
    def is_in_memory(self) -> bool:
        """Whether only this process sees the folder."""
        return self._protocol == "memory"

    @property
    def _protocol(self) -> str:
        protocol, mark, _ = self.location.partition("://")
        return protocol if mark else ""

    @property
    def _is_local(self) -> bool:
        return not self._protocol

    @property
    def _path(self) -> Path:
        return self.folder / self.location

    def _open_system(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            system, root = url_to_fs(self.location)
        except (ImportError, ValueError, OSError) as error:
            raise OutputError(f"{self.location}: can't be opened: {_explain(error)}") from error
        return system, str(root).rstrip("/")


def _explain(error: Exception) -> str:
    return getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
