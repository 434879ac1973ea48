"""Files at https URLs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from calibset.core.errors import NotThereError, OfflineError, SourceError
from calibset.storage.cache import Cache, CachedFile, CachedFileInfo
from calibset.storage.cached_file import PIECE, RemoteFile, open_cached_file
from calibset.storage.files import File
from calibset.storage.transfer import MISSING_STATUSES, Head, Transfer, TransferFailure

# Sizes of several files are asked for at once.
_THREADS = 8
_NO_FILE = "the server has no such file; check the URL"


@dataclass(frozen=True)
class UrlReader:
    """A file at a URL, or a folder of files whose names the recipe gives.

    Attributes:
        place: The URL as the recipe spells it.
        url: Where it is really read from, a mirror perhaps.
        cache: Where what was read is kept.
    """

    location: str
    url: str
    cache: Cache
    revision: None = None

    def is_there(self) -> bool:
        """Return whether the server has it (a folder counts as there).

        Raises:
            SourceError: The server can't be asked.
        """
        return self.url.endswith("/") or self._head is not None

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the file; of a folder, the files that the patterns name outright.

        Raises:
            SourceError: A folder, and a pattern that is no plain name (https lists no files) or
                leads out of it.
        """
        if not self.url.endswith("/"):
            return (self._single.file(self._head),)
        if wild := [pattern for pattern in patterns if set(pattern) & set("*?[")]:
            raise NotThereError(
                f"{self.location}: https lists no files, so {', '.join(wild)} can't be looked up; "
                "name each with files = [...]"
            )
        if outside := [name for name in patterns if name.startswith("/") or ".." in name.split("/")]:
            raise SourceError(f"{self.location}: {', '.join(outside)} would lead out of the folder")
        singles = [
            _Single(name, self.location + name, self.url + quote(name), self.cache)
            for name in sorted(set(patterns))
        ]
        with ThreadPoolExecutor(_THREADS) as pool:
            heads = list(pool.map(_Single.asked, singles))
        return tuple(single.file(head) for single, head in zip(singles, heads, strict=True))

    @cached_property
    def _head(self) -> Head | None:
        return self._single.asked()

    @property
    def _single(self) -> _Single:
        # The place's own name, so that a mirror changes no document's id.
        return _Single(urlsplit(self.location).path.rsplit("/", 1)[-1], self.location, self.url, self.cache)


@dataclass(frozen=True)
class _Single:
    """One file of a server.

    Attributes:
        name: What the place calls it.
        place: The URL as the recipe has it.
        url: Where it is read.
        cache: Where it is kept.
    """

    name: str
    location: str
    url: str
    cache: Cache

    def asked(self) -> Head | None:
        """Return what the server tells of the file or, offline, told the last time; None if it isn't there.

        Raises:
            SourceError: It can't be asked.
            OfflineError: It may not be asked, and was not before.
        """
        known = self.cache.noted(Head, self.url)
        if self.cache.offline:
            if known is None:
                raise OfflineError(f"{self.location}: not in the cache")
            return known
        head = self._transfer.head()
        if head is None or known is None or head.version != known.version:
            if head is not None:
                self.cache.note(head, self.url)
            return head
        if known.size is not None and head.size is None and head.version:
            return known  # its size is known only since it was read
        return head

    def file(self, head: Head | None) -> File:
        """Return it for reading."""
        opened = _Opener(self, head or Head(), missing=head is None)
        return File(self.name, opened.open, head.size if head else None, partial(opened.open, ranges=True))

    @property
    def _transfer(self) -> Transfer:
        return Transfer(self.url, self.location, _explained)


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens a file of which the server told what it tells.

    Attributes:
        single: The file.
        head: What the server told.
        missing: Whether it has no such file.
    """

    single: _Single
    head: Head
    missing: bool
    _ready: list[tuple[CachedFile, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def open(self, *, ranges: bool = False) -> BinaryIO:
        single, cache = self.single, self.single.cache
        if self.missing:
            raise SourceError(f"{single.location}: {_NO_FILE}")
        with self._lock:  # it may be opened by several threads
            if not self._ready:
                self._ready.append(self._prepared())
        cached_file, size = self._ready[0]
        transfer = Transfer(single.url, single.location, _explained, size, self.head.etag)
        return open_cached_file(
            RemoteFile(cached_file=cached_file, size=size, fetch=transfer.fetch, offline=cache.offline),
            ranges=ranges,
        )

    def _prepared(self) -> tuple[CachedFile, int]:
        """Return where the file is kept, and its size; it is fetched here if it only comes whole."""
        single, cache = self.single, self.single.cache
        head = self.head
        info = CachedFileInfo(
            location=single.location, name=single.name, version=head.version, size=head.size
        )
        cached_file = cache.cached_file(single.url, info)
        if not head.version and not cache.offline:
            cached_file.clear()  # nothing tells whether it is still the same
        if head.size is not None:
            return cached_file, head.size
        if cache.offline:
            raise OfflineError(f"{single.location}: not in the cache")

        def keep(start: int, content: bytes) -> None:
            if start == 0:
                cached_file.clear()  # of another attempt
            cached_file.put(start, content)

        transfer = Transfer(single.url, single.location, _explained, etag=head.etag)
        size = transfer.whole(keep, PIECE)
        cache.note(head.model_copy(update={"size": size}), single.url)
        return cached_file, size


def _explained(trouble: TransferFailure) -> str:
    if trouble.status in MISSING_STATUSES:
        return _NO_FILE
    if trouble.status in (401, 403):
        return f"the server answers {trouble.status} and wants a login; fetch the file by hand"
    if trouble.status is not None:
        return f"the server answers {trouble.status}; try again later"
    if trouble.lost:
        return "the download breaks off again and again; try again later, or use --mirror"
    return f"can't be reached ({trouble.kind}); check the network, or name a mirror with --mirror"
