"""What was read of servers, kept on the disk so that it is not read again.

A file version has a folder, in it a file for each stretch that came, named for its place and
contents. Each appears whole under its name, so builds may share a cache, and one that is
killed leaves what it had.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from calibset.core.atomic_write import apply_umask
from calibset.core.errors import SourceError
from calibset.storage.byte_ranges import merge_ranges

M = TypeVar("M", bound=BaseModel)

_ABOUT = "about.json"
_CLEARED = ".cleared-"
_TRUE = {"1", "ON", "YES", "TRUE"}


class CachedFileInfo(BaseModel):
    """A version of a file on a server.

    Attributes:
        place: The place it belongs to, as the recipe spells it.
        name: Its name inside the place.
        version: Tells it from other contents of the same name: their hash, an ETag.
        size: In bytes; unknown where the server doesn't tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str
    name: str
    version: str
    size: int | None


@dataclass(frozen=True, slots=True, order=True)
class CachedRange:
    """A stretch of a file that is kept; its file's name tells all of it."""

    start: int
    end: int
    digest: str

    @property
    def name(self) -> str:
        """The name of the file that holds it."""
        return f"{self.start:015d}-{self.end:015d}-{self.digest}"


@dataclass(slots=True)
class CachedFile:
    """Where the pieces of one file version stand."""

    folder: Path
    info: CachedFileInfo
    _pieces: list[CachedRange] | None = None
    _longest: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def pieces(self) -> list[CachedRange]:
        """Return the pieces in the order of their place in the file, those that were there at first."""
        with self._lock:
            return list(self._known())

    def covering(self, position: int) -> Iterator[CachedRange]:
        """Yield the pieces that hold a byte."""
        with self._lock:
            known = self._known()
            at = bisect_right(known, position, key=lambda piece: piece.start)
            # Builds that ran at once may have kept stretches that overlap.
            first = bisect_left(known, position - self._longest, key=lambda piece: piece.start)
            candidates = known[first:at]
        yield from (piece for piece in reversed(candidates) if piece.end > position)

    def put(self, start: int, content: bytes) -> CachedRange:
        """Keep a stretch.

        Raises:
            SourceError: The disk doesn't take it.
        """
        piece = CachedRange(start, start + len(content), _digest(content))
        self.pieces()  # those that were there before this one
        if not (self.folder / _ABOUT).exists():
            _keep(self.folder / _ABOUT, self.info.model_dump_json().encode())
        _keep(self.folder / piece.name, content)
        with self._lock:
            if piece not in self._known():
                insort(self._known(), piece)
            self._longest = max(self._longest, len(content))
        return piece

    def content(self, piece: CachedRange) -> bytes | None:
        """Return a piece's bytes; None, and the piece is gone, where they are damaged."""
        try:
            content = (self.folder / piece.name).read_bytes()
        except OSError:
            content = b""
        if len(content) == piece.end - piece.start and _digest(content) == piece.digest:
            return content
        self._drop(piece)
        return None

    def clear(self) -> None:
        """Remove every piece."""
        for piece in self.pieces():
            self._drop(piece)

    def _drop(self, piece: CachedRange) -> None:
        with suppress(OSError):
            (self.folder / piece.name).unlink()
        with self._lock, suppress(ValueError):
            self._known().remove(piece)

    def _known(self) -> list[CachedRange]:
        if self._pieces is None:
            try:
                names = os.listdir(self.folder)  # noqa: PTH208  (a third of the time of iterdir)
            except OSError:
                names = []
            self._pieces = sorted(piece for name in names if (piece := _piece(name)))
            self._longest = max((piece.end - piece.start for piece in self._pieces), default=0)
        return self._pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedLocation:
    """What a cache holds of a place.

    Attributes:
        place: As the recipe spells it.
        files: Of which something is kept, each version for itself.
        size: What is kept, in bytes.
    """

    location: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder with what was read of servers.

    Attributes:
        folder: Made when something is first kept.
        offline: Whether servers may not be asked.
    """

    folder: Path
    offline: bool = False

    @classmethod
    def default(cls, *, offline: bool = False) -> Cache:
        """Return the cache that the environment names, offline where HF_HUB_OFFLINE says so."""
        return cls(default_cache_folder(), offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE)

    def cached_file(self, url: str, info: CachedFileInfo) -> CachedFile:
        """Return where the pieces of a file version stand, or would stand.

        Args:
            url: Where it is read; it may hold a login, so it is written nowhere.
            info: Which version of which file it is.
        """
        return CachedFile(self.folder / "files" / _key(url, info.name, info.version), info)

    def note(self, fact: BaseModel, *key: str) -> None:
        """Keep what a server said under a key.

        Raises:
            SourceError: The disk doesn't take it.
        """
        _keep(self._noted_at(type(fact), key), fact.model_dump_json().encode())

    def noted(self, kind: type[M], *key: str) -> M | None:
        """Return what was kept under a key, or None."""
        try:
            return kind.model_validate_json(self._noted_at(kind, key).read_bytes())
        except (OSError, ValidationError):
            return None

    def kept(self) -> Iterator[CachedLocation]:
        """Yield what the cache holds, by place."""
        found: dict[str, list[int]] = {}
        for folder in self.folder.glob("files/*"):
            with suppress(OSError, ValidationError):
                info = CachedFileInfo.model_validate_json((folder / _ABOUT).read_bytes())
                ranges = merge_ranges((p.start, p.end) for p in CachedFile(folder, info).pieces())
                found.setdefault(info.location, []).append(sum(end - start for start, end in ranges))
        for location, sizes in sorted(found.items()):
            yield CachedLocation(location=location, files=len(sizes), size=sum(sizes))

    def clear(self) -> None:
        """Remove all that is kept.

        Raises:
            SourceError: Something can't be removed.
        """
        # Moved away first, so that a build that is running at the time begins new folders.
        there = [path for name in ("files", "said", "models") if (path := self.folder / name).exists()]
        try:
            if there:
                away = Path(tempfile.mkdtemp(prefix=_CLEARED, dir=self.folder))
                for path in there:
                    path.rename(away / path.name)
            for left in self.folder.glob(f"{_CLEARED}*"):
                shutil.rmtree(left)
        except OSError as error:
            raise SourceError(f"{self.folder}: can't be cleared: {error.strerror}") from error

    def _noted_at(self, kind: type[BaseModel], key: tuple[str, ...]) -> Path:
        return self.folder / "said" / f"{_key(kind.__name__, *key)}.json"


def default_cache_folder() -> Path:
    """Return the folder: ``CALIBSET_CACHE``, else ``HF_HOME/calibset``, else the system's usual one."""
    if own := os.environ.get("CALIBSET_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("HF_HOME"):
        return Path(shared).expanduser() / "calibset"
    import platformdirs

    return platformdirs.user_cache_path("calibset", appauthor=False)


def _piece(name: str) -> CachedRange | None:
    start, _, rest = name.partition("-")
    end, _, digest = rest.partition("-")
    numbered = start.isascii() and start.isdigit() and end.isascii() and end.isdigit()
    return CachedRange(int(start), int(end), digest) if numbered and digest else None


def _key(*words: str) -> str:
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _keep(path: Path, content: bytes) -> None:
    """Write a file that appears whole; it may be there already, and its folder may go meanwhile."""
    try:
        try:
            _written(path, content)
        except FileNotFoundError:
            _written(path, content)
    except OSError as error:
        raise SourceError(
            f"{path.parent}: can't be kept in the cache: {error.strerror}; "
            "CALIBSET_CACHE may name another folder"
        ) from error


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False)  # noqa: SIM115
    try:
        with stream:
            stream.write(content)
        apply_umask(Path(stream.name))
        Path(stream.name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(stream.name).unlink()
        raise
