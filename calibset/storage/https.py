"""Files at https URLs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from calibset.errors import OfflineError, SourceError
from calibset.storage.cache import About, Cache, Shelf
from calibset.storage.files import File
from calibset.storage.kept_file import PIECE, Remote, open_kept
from calibset.storage.transfer import GONE, Head, Transfer, Trouble

__all__ = ["UrlReader"]

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

    place: str
    url: str
    cache: Cache
    revision: None = None

    def is_there(self) -> bool:
        """Return whether the server has it (a folder counts as there).

        Raises:
            SourceError: The server can't be asked.
        """
        return self.url.endswith("/") or self._single.head is not None

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the file; of a folder, the files that the patterns name outright.

        Raises:
            SourceError: A folder, and a pattern that is no plain name (https lists no files) or
                leads out of it.
        """
        if not self.url.endswith("/"):
            return (self._single.file(),)
        if wild := [pattern for pattern in patterns if set(pattern) & set("*?[")]:
            raise SourceError(
                f"{self.place}: https lists no files, so {', '.join(wild)} can't be looked up; "
                "name each with files = [...]"
            )
        if outside := [name for name in patterns if name.startswith("/") or ".." in name.split("/")]:
            raise SourceError(f"{self.place}: {', '.join(outside)} would lead out of the folder")
        singles = [
            _Single(name, self.place + name, self.url + quote(name), self.cache)
            for name in sorted(set(patterns))
        ]
        with ThreadPoolExecutor(_THREADS) as pool:
            return tuple(pool.map(_Single.file, singles))

    @cached_property
    def _single(self) -> _Single:
        # The place's own name, so that a mirror changes no document's id.
        return _Single(urlsplit(self.place).path.rsplit("/", 1)[-1], self.place, self.url, self.cache)


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
    place: str
    url: str
    cache: Cache

    @cached_property
    def head(self) -> Head | None:
        """What the server told of the file, now or, offline, the last time; None if it isn't there."""
        known = self.cache.noted(Head, self.url)
        if self.cache.offline:
            if known is None:
                raise OfflineError(f"{self.place}: not in the cache")
            return known
        head = self._transfer.head()
        if head is not None and known is not None and head.version == known.version != "":
            return known  # it may know a size that the server didn't tell
        if head is not None:
            self.cache.note(head, self.url)
        return head

    def file(self) -> File:
        """Return it for reading."""
        size = self.head.size if self.head else None
        return File(self.name, self._open, size, partial(self._open, ranges=True))

    def _open(self, *, ranges: bool = False) -> BinaryIO:
        if self.head is None:
            raise SourceError(f"{self.place}: {_NO_FILE}")
        size = self.head.size if self.head.size is not None else self._whole
        transfer = replace(self._transfer, etag=self.head.version)
        remote = Remote(shelf=self._shelf, size=size, fetch=transfer.fetch, offline=self.cache.offline)
        return open_kept(remote, ranges=ranges)

    @property
    def _transfer(self) -> Transfer:
        return Transfer(self.url, self.place, _explained)

    @cached_property
    def _shelf(self) -> Shelf:
        head = self.head or Head()
        about = About(place=self.place, name=self.name, version=head.version, size=head.size)
        shelf = self.cache.shelf(self.url, about)
        if not head.version and not self.cache.offline:
            shelf.clear()  # nothing tells whether it is still the same
        return shelf

    @cached_property
    def _whole(self) -> int:
        """Fetch what the server sends only as a whole, and return its size."""
        self._shelf.clear()
        size = self._transfer.whole(self._shelf.put, PIECE)
        self.cache.note(Head(size=size, version=self._shelf.about.version), self.url)
        return size


def _explained(trouble: Trouble) -> str:
    if trouble.status in GONE:
        return _NO_FILE
    if trouble.status in (401, 403):
        return f"the server answers {trouble.status} and wants a login; fetch the file by hand"
    if trouble.status is not None:
        return f"the server answers {trouble.status}; try again later"
    if trouble.lost:
        return "the download breaks off again and again; try again later, or use --mirror"
    return f"can't be reached ({trouble.kind}); check the network, or name a mirror with --mirror"
