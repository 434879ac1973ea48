"""A file on a server, read through the cache: bytes that were fetched once are not fetched again."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import TYPE_CHECKING, BinaryIO, cast

from calibset.core.errors import OfflineError, SourceError
from calibset.storage.byte_ranges import find_gaps, merge_ranges
from calibset.storage.cache import CachedFile, CachedFileInfo, CachedRange

if TYPE_CHECKING:
    from typing_extensions import Buffer

FETCH_SIZE = 4 * 2**20
"""Bytes that are fetched at once, at most; what was fetched before a failure stays in the cache."""

# Files of up to so many bytes are fetched whole and compared with the server's checksum.
_WHOLE_SIZE = 32 * 2**20
# How many times a whole file is fetched if its checksum isn't the server's.
_ATTEMPTS = 3
_NOTHING = CachedRange(0, 0, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """The hashes that a server gives for a file's contents.

    Attributes:
        sha256: The SHA-256; empty if unknown.
        git: The SHA-1 by which git identifies the contents; empty if unknown.
    """

    sha256: str = ""
    git: str = ""

    def matches(self, parts: Iterable[Buffer], size: int) -> bool:
        """Return whether the parts of a file of that size match; True if no hash is known."""
        if not self.sha256 and not self.git:
            return True
        digest = sha256() if self.sha256 else sha1(b"blob %d\0" % size, usedforsecurity=False)
        for part in parts:
            digest.update(part)
        return digest.hexdigest() == (self.sha256 or self.git)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file on a server, and the part of it that is in the cache.

    Attributes:
        cached_file: The part that is in the cache.
        size: In bytes.
        fetch: Returns the bytes from one offset up to but not including another.
        checksum: What the whole file hashes to.
        offline: Whether nothing may be fetched.
    """

    cached_file: CachedFile
    size: int
    fetch: Callable[[int, int], bytes]
    checksum: Checksum = Checksum()
    offline: bool = False


def open_cached_file(remote: RemoteFile, *, ranges: bool = False) -> BinaryIO:
    """Open a file on a server for reading; nothing is fetched before it is read.

    Args:
        remote: The file.
        ranges: Whether only the bytes that are read are fetched, for readers that seek. Otherwise a
            file of up to 32 MiB is fetched whole at the first read, a larger one 4 MiB at a time.

    Raises (when read):
        SourceError: The fetched bytes don't match the checksum, or can't be written to the cache.
        OfflineError: Bytes are not in the cache and may not be fetched.
    """
    raw = _CachedStream(remote, ranges=ranges)
    # A buffer would read a little ahead each time, which is a request of its own.
    return cast("BinaryIO", raw if ranges else io.BufferedReader(raw))


class _CachedStream(io.RawIOBase):
    def __init__(self, remote: RemoteFile, *, ranges: bool) -> None:
        super().__init__()
        self._remote = remote
        self._fetches_whole = not ranges and remote.size <= _WHOLE_SIZE
        self._checks_parts = not self._fetches_whole
        self._read_ahead = 0 if ranges else FETCH_SIZE
        self._offset = 0
        self._range = _NOTHING  # the one that was read last, and its content
        self._content = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._remote.size}[whence]
        self._offset = max(0, base + offset)
        return self._offset

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer, unless the file ends before."""
        target = memoryview(buffer).cast("B")
        if self._fetches_whole:
            self._fetch_whole()
        end = min(self._offset + len(target), self._remote.size)
        filled = 0
        for part in self._parts(self._offset, end):
            target[filled : filled + len(part)] = part
            filled += len(part)
        self._offset += filled
        return filled

    def _parts(self, start: int, end: int) -> Iterator[memoryview]:
        """Yield the bytes from one offset to another, each part from one range of the cache."""
        while start < end:
            if not self._range.start <= start < self._range.end:
                self._load(start, end)
            part = memoryview(self._content)[start - self._range.start : end - self._range.start]
            start += len(part)
            yield part

    def _load(self, start: int, end: int) -> None:
        """Load a range that holds the byte at ``start``: from the cache, else from the server."""
        for cached in self._remote.cached_file.covering(start):
            content = self._remote.cached_file.content(cached)
            if content is not None:
                self._range, self._content = cached, content
                return
        self._fetch(start, end)

    def _fetch(self, start: int, end: int) -> None:
        remote = self._remote
        info = remote.cached_file.info
        wanted_end = min(max(end, start + self._read_ahead), start + FETCH_SIZE, remote.size)
        start, end = find_gaps(self._cached_ranges(), start, wanted_end)[0]
        if remote.offline:
            raise OfflineError(
                f"{info.location}: {info.name}: the cache lacks a part of it that the build needs; "
                "build once without --offline"
            )
        content = remote.fetch(start, end)
        self._range, self._content = remote.cached_file.put(start, content), content
        if self._checks_parts and self._is_whole() and not self._matches_checksum():
            remote.cached_file.clear()
            raise _checksum_error(info)

    def _cached_ranges(self) -> Iterator[tuple[int, int]]:
        return ((cached.start, cached.end) for cached in self._remote.cached_file.ranges())

    def _is_whole(self) -> bool:
        return merge_ranges(self._cached_ranges()) == ((0, self._remote.size),)

    def _matches_checksum(self) -> bool:
        return self._remote.checksum.matches(self._parts(0, self._remote.size), self._remote.size)

    def _fetch_whole(self) -> None:
        """Make sure, once, that the whole file is in the cache and matches its checksum."""
        self._fetches_whole = False
        remote = self._remote
        for _ in range(1 if remote.offline else _ATTEMPTS):
            deque(self._parts(0, remote.size), maxlen=0)
            if self._matches_checksum():
                return
            if not remote.offline:
                remote.cached_file.clear()
            self._range = _NOTHING
        raise _checksum_error(remote.cached_file.info)


def _checksum_error(info: CachedFileInfo) -> SourceError:
    return SourceError(
        f"{info.location}: {info.name}: the contents don't match the checksum that the server gives; "
        "try again later"
    )
