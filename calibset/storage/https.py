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
from calibset.storage.cached_file import FETCH_SIZE, RemoteFile, open_cached_file
from calibset.storage.file_forms import HEAD
from calibset.storage.files import Choice, File, keep_all
from calibset.storage.told_names import choose_name, tells_kind
from calibset.storage.transfer import MISSING_STATUSES, Head, Transfer, TransferFailure

# The heads of several files are requested at once.
_THREADS = 8
NO_FILE = "the server has no such file; check the URL"
"""What messages say about a URL where the server has nothing."""


@dataclass(frozen=True)
class UrlReader:
    """A file at a URL, or a folder of files that the recipe names.

    Attributes:
        location: The URL as the recipe spells it.
        url: The URL that is really read, perhaps a mirror's.
        cache: The cache for what is read.
    """

    location: str
    url: str
    cache: Cache
    revision: None = None

    def is_there(self) -> bool:
        """Return whether the server has the file; a folder can't be checked and counts as there.

        Raises:
            SourceError: The server can't be asked.
        """
        return self.url.endswith("/") or self._head is not None

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the file or, of a folder, the files that the patterns name in full.

        Raises:
            SourceError: A pattern for a folder isn't a full name (https lists no files) or leads out of it.
        """
        if not self.url.endswith("/"):
            return (self._url_file.file(self._head, is_told=True),)
        if wild := [pattern for pattern in patterns if set(pattern) & set("*?")]:
            raise NotThereError(
                f"{self.location}: https lists no files, so {', '.join(wild)} can't be looked up; "
                "name each file with files = [...]"
            )
        if outside := [name for name in patterns if name.startswith("/") or ".." in name.split("/")]:
            raise SourceError(f"{self.location}: {', '.join(outside)} would lead out of the folder")
        files = [
            _UrlFile(name, self.location + name, self.url + quote(name), self.cache)
            for name in choose(sorted(set(patterns)))
        ]
        with ThreadPoolExecutor(_THREADS) as pool:
            heads = list(pool.map(_UrlFile.head, files))
        return tuple(file.file(head) for file, head in zip(files, heads, strict=True))

    @cached_property
    def _head(self) -> Head | None:
        return self._url_file.head()

    @property
    def _url_file(self) -> _UrlFile:
        # Named after the location, so that a mirror changes no document's id.
        return _UrlFile(urlsplit(self.location).path.rsplit("/", 1)[-1], self.location, self.url, self.cache)


@dataclass(frozen=True)
class _UrlFile:
    """One file on a server.

    Attributes:
        name: The file's name inside the location.
        location: The file's URL as the recipe spells it.
        url: The URL that is read.
        cache: The cache for what is read.
    """

    name: str
    location: str
    url: str
    cache: Cache

    def head(self) -> Head | None:
        """Return the server's head of the file, or offline the cached one; None if there is no such file."""
        known = self.cache.load_fact(Head, self.url)
        if self.cache.offline:
            if known is None:
                raise OfflineError(f"{self.location}: not in the cache")
            return known
        head = Transfer(self.url, self.location, _explain).head()
        if head is None or known is None or head.version != known.version:
            if head is not None:
                self.cache.save_fact(head, self.url)
            return head
        if known.size is not None and head.size is None and head.version:
            return known  # the size became known when the file was read
        return head

    def file(self, head: Head | None, *, is_told: bool = False) -> File:
        """Return the file for reading; opening it fails if the server doesn't have it.

        Args:
            head: The server's head of the file; None if it has no such file.
            is_told: Whether what the server says of it decides its name, if its URL doesn't tell what it is.
        """
        opener = _Opener(self, head or Head(), missing=head is None)
        open_ranges = partial(opener.open, ranges=True)
        name = self.name
        if is_told and head and not tells_kind(name):
            beginning = b""
            if "." not in name and head.size is not None:  # else the whole file would come
                with open_ranges() as stream:
                    beginning = stream.read(HEAD)
            name = choose_name(name, told=head.name, media_type=head.media_type, head=beginning)
        return File(
            name, opener.open, head.size if head else None, open_ranges, stamp=head.version if head else ""
        )


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens a file as its head describes it.

    Attributes:
        url_file: The file.
        head: What the server said about it.
        missing: Whether the server has no such file.
    """

    url_file: _UrlFile
    head: Head
    missing: bool
    _prepared: list[tuple[CachedFile, int]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def open(self, *, ranges: bool = False) -> BinaryIO:
        url_file = self.url_file
        if self.missing:
            raise SourceError(f"{url_file.location}: {NO_FILE}")
        with self._lock:  # several threads may open it
            if not self._prepared:
                self._prepared.append(self._prepare())
        cached_file, size = self._prepared[0]
        transfer = Transfer(url_file.url, url_file.location, _explain, size, self.head.etag)
        remote = RemoteFile(
            cached_file=cached_file, size=size, fetch=transfer.fetch, offline=url_file.cache.offline
        )
        return open_cached_file(remote, ranges=ranges)

    def _prepare(self) -> tuple[CachedFile, int]:
        """Return the cached file and its size; a file that the server only sends whole is fetched here."""
        url_file, cache, head = self.url_file, self.url_file.cache, self.head
        info = CachedFileInfo(
            location=url_file.location, name=url_file.name, version=head.version, size=head.size
        )
        cached_file = cache.cached_file(url_file.url, info)
        if not head.version and not cache.offline:
            cached_file.clear()  # nothing tells whether the contents are still the same
        if head.size is not None:
            return cached_file, head.size
        if cache.offline:
            raise OfflineError(f"{url_file.location}: not in the cache")

        def store(offset: int, content: bytes) -> None:
            if offset == 0:
                cached_file.clear()  # what came of an earlier attempt
            cached_file.put(offset, content)

        transfer = Transfer(url_file.url, url_file.location, _explain, etag=head.etag)
        size = transfer.fetch_whole(store, FETCH_SIZE)
        cache.save_fact(head.model_copy(update={"size": size}), url_file.url)
        return cached_file, size


def _explain(failure: TransferFailure) -> str:
    if failure.status in MISSING_STATUSES:
        return NO_FILE
    if failure.status in (401, 403):
        return f"the server answers {failure.status} and wants a login; fetch the file by hand"
    if failure.status is not None:
        return f"the server answers {failure.status}; try again later"
    if failure.untrusted:
        return failure.untrusted
    if failure.lost:
        return "the download keeps breaking off; try again later, or use --mirror"
    return f"can't be reached ({failure.kind}); check the network, or name a mirror with --mirror"
