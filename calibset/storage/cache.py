"""The cache: a folder for what was read from servers, so that it is not fetched again.

Each version of a file has its own folder, with one file for each range of bytes that was fetched, named
for its offsets and contents. These files appear whole under their names, so builds may share a cache, and a
build that is killed leaves what it had. What servers said about files (*facts*) is stored too, by key, and so
is what took long to compute.
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

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from calibset.core.atomic_write import apply_umask
from calibset.core.environment import CACHE, HUB_HOME, HUB_OFFLINE, Variable
from calibset.core.errors import SourceError
from calibset.storage.byte_ranges import merge_ranges

M = TypeVar("M", bound=BaseModel)

_FILES = "files"
_FACTS = "said"
_MODELS = "models"
_KEPT = "computed"
# Files that are kept of one kind; the oldest goes when one more is written.
_MOST_KEPT = 16
_INFO = "about.json"
_CLEARED = ".cleared-"
_TRUE = {"1", "ON", "YES", "TRUE"}


class CachedFileInfo(BaseModel):
    """The file on a server, and its version, that a folder of the cache holds.

    Attributes:
        location: The location that the file belongs to, as the recipe spells it.
        name: The file's name inside the location.
        version: What identifies the contents among others of the same name: their hash or an ETag.
        size: In bytes; None if the server doesn't say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str = Field(validation_alias=AliasChoices("location", "place"))  # "place" in caches of old
    name: str
    version: str
    size: int | None


@dataclass(frozen=True, slots=True, order=True)
class CachedRange:
    """A range of bytes in the cache, from ``start`` up to but not including ``end``."""

    start: int
    end: int
    digest: str

    @classmethod
    def parse(cls, name: str) -> CachedRange | None:
        """Return the range that a file of this name holds, or None if the name is of another kind."""
        start, _, rest = name.partition("-")
        end, _, digest = rest.partition("-")
        is_range = (start + end).isascii() and start.isdigit() and end.isdigit() and digest
        return cls(int(start), int(end), digest) if is_range else None

    @property
    def name(self) -> str:
        """The name of the file that holds the range."""
        return f"{self.start:015d}-{self.end:015d}-{self.digest}"


@dataclass(slots=True)
class CachedFile:
    """The ranges of one version of a file that are in the cache; several threads may use it."""

    folder: Path
    info: CachedFileInfo
    _ranges: list[CachedRange] | None = None
    _longest: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def ranges(self) -> list[CachedRange]:
        """Return the ranges that this build and earlier ones cached, in the order of the file."""
        with self._lock:
            return list(self._known())

    def covering(self, offset: int) -> Iterator[CachedRange]:
        """Yield the ranges that hold the byte at an offset."""
        with self._lock:
            known = self._known()
            end = bisect_right(known, offset, key=lambda cached: cached.start)
            # Builds that ran at once may have kept ranges that overlap.
            start = bisect_left(known, offset - self._longest, key=lambda cached: cached.start)
            candidates = known[start:end]
        yield from (cached for cached in reversed(candidates) if cached.end > offset)

    def put(self, start: int, content: bytes) -> CachedRange:
        """Store bytes that begin at an offset.

        Raises:
            SourceError: The bytes can't be written to the disk.
        """
        cached = CachedRange(start, start + len(content), _digest(content))
        self.ranges()  # lists those that were there before this one
        if not (self.folder / _INFO).exists():
            _write(self.folder / _INFO, self.info.model_dump_json().encode())
        _write(self.folder / cached.name, content)
        with self._lock:
            if cached not in self._known():
                insort(self._known(), cached)
            self._longest = max(self._longest, len(content))
        return cached

    def content(self, cached: CachedRange) -> bytes | None:
        """Return a range's bytes; if they are damaged, remove the range and return None."""
        try:
            content = (self.folder / cached.name).read_bytes()
        except OSError:
            content = b""
        if len(content) == cached.end - cached.start and _digest(content) == cached.digest:
            return content
        self._drop(cached)
        return None

    def clear(self, start: int = 0) -> None:
        """Remove the ranges that begin at or after an offset."""
        for cached in self.ranges():
            if cached.start >= start:
                self._drop(cached)

    def _drop(self, cached: CachedRange) -> None:
        with suppress(OSError):
            (self.folder / cached.name).unlink()
        with self._lock, suppress(ValueError):
            self._known().remove(cached)

    def _known(self) -> list[CachedRange]:
        if self._ranges is None:
            try:
                names = os.listdir(self.folder)  # noqa: PTH208  (a third of the time of iterdir)
            except OSError:
                names = []
            self._ranges = sorted(cached for name in names if (cached := CachedRange.parse(name)))
            self._longest = max((cached.end - cached.start for cached in self._ranges), default=0)
        return self._ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedLocation:
    """How much the cache holds of a location.

    Attributes:
        location: As the recipe spells it.
        files: How many of its files are cached, whole or in part; each version counts.
        size: What they take on the disk, in bytes.
    """

    location: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder for what was read from servers.

    Attributes:
        folder: The folder's path; it is created when something is first stored.
        offline: Whether no server may be asked.
    """

    folder: Path
    offline: bool = False

    @classmethod
    def default(cls, *, offline: bool = False) -> Cache:
        """Return the cache that the environment names, offline where HF_HUB_OFFLINE says so."""
        return cls(default_cache_folder(), offline or HUB_OFFLINE.read().upper() in _TRUE)

    def cached_file(self, url: str, info: CachedFileInfo) -> CachedFile:
        """Return the cached ranges of a version of a file; there may be none.

        Args:
            url: The URL that the file is read from; it may hold a login, so it is never written down.
            info: The file and its version.
        """
        return CachedFile(self.folder / _FILES / _key(url, info.name, info.version), info)

    def save_fact(self, fact: BaseModel, *key: str) -> None:
        """Store what a server said, under its type and a key.

        Raises:
            SourceError: The fact can't be written to the disk.
        """
        _write(self._fact_path(type(fact), key), fact.model_dump_json().encode())

    def load_fact(self, kind: type[M], *key: str) -> M | None:
        """Return the fact of this type that was stored under a key, or None."""
        try:
            return kind.model_validate_json(self._fact_path(kind, key).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, content: bytes, kind: str, *key: str) -> None:
        """Keep what was computed, under a kind and a key; of each kind the last few are kept.

        Raises:
            SourceError: It can't be written to the disk.
        """
        path = self._kept_path(kind, key)
        _write(path, content)
        with suppress(OSError):
            kept = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime_ns)
            for file in kept[:-_MOST_KEPT]:
                file.unlink()

    def load_kept(self, kind: str, *key: str) -> bytes | None:
        """Return what was kept under a kind and a key, or None; it may be damaged."""
        try:
            return self._kept_path(kind, key).read_bytes()
        except OSError:
            return None

    def locations(self) -> Iterator[CachedLocation]:
        """Yield how much the cache holds of each location, sorted by location."""
        sizes: dict[str, list[int]] = {}
        for folder in self.folder.glob(f"{_FILES}/*"):
            with suppress(OSError, ValidationError):
                info = CachedFileInfo.model_validate_json((folder / _INFO).read_bytes())
                ranges = merge_ranges(
                    (cached.start, cached.end) for cached in CachedFile(folder, info).ranges()
                )
                sizes.setdefault(info.location, []).append(sum(end - start for start, end in ranges))
        for location, files in sorted(sizes.items()):
            yield CachedLocation(location=location, files=len(files), size=sum(files))

    def measure_rest(self) -> int:
        """Return what else takes room on the disk, in bytes: models' tokenizers, and what was computed."""
        size = 0
        for name in (_MODELS, _KEPT):
            for path in (self.folder / name).rglob("*"):
                with suppress(OSError):  # removed since it was listed
                    size += 0 if path.is_dir() else path.lstat().st_size
        return size

    def clear(self) -> None:
        """Remove everything from the cache.

        Raises:
            SourceError: Something can't be removed.
        """
        # Moved away first, so that a build that is running at the time begins new folders.
        paths = [path for name in (_FILES, _FACTS, _MODELS, _KEPT) if (path := self.folder / name).exists()]
        try:
            if paths:
                cleared = Path(tempfile.mkdtemp(prefix=_CLEARED, dir=self.folder))
                for path in paths:
                    path.rename(cleared / path.name)
            for cleared in self.folder.glob(f"{_CLEARED}*"):
                shutil.rmtree(cleared)
        except OSError as error:
            raise SourceError(f"{self.folder}: can't be cleared: {error.strerror}") from error

    def _kept_path(self, kind: str, key: tuple[str, ...]) -> Path:
        return self.folder / _KEPT / kind / _key(*key)

    def _fact_path(self, kind: type[BaseModel], key: tuple[str, ...]) -> Path:
        return self.folder / _FACTS / f"{_key(kind.__name__, *key)}.json"


def default_cache_folder() -> Path:
    """Return ``CALIBSET_CACHE``, else ``HF_HOME/calibset``, else the system's usual cache folder.

    Raises:
        SourceError: It is in the home folder of a user whom this machine doesn't know.
    """
    if CACHE.read():
        return _expand(CACHE)
    if HUB_HOME.read():
        return _expand(HUB_HOME) / "calibset"
    import platformdirs

    return platformdirs.user_cache_path("calibset", appauthor=False)


def _expand(variable: Variable) -> Path:
    try:
        return Path(variable.read()).expanduser()
    except RuntimeError as error:
        raise SourceError(f"{variable.name}={variable.read()}: there is no such home folder") from error


def _key(*words: str) -> str:
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file that appears whole; it may be there already, and its folder may be cleared meanwhile."""
    try:
        try:
            _write_once(path, content)
        except FileNotFoundError:
            _write_once(path, content)
    except OSError as error:
        raise SourceError(
            f"{path.parent}: can't be written to the cache: {error.strerror}; "
            "set CALIBSET_CACHE to another folder"
        ) from error


def _write_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False)  # noqa: SIM115
    temporary = Path(stream.name)
    try:
        with stream:
            stream.write(content)
        apply_umask(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
