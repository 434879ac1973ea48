"""A file on a server, read through the cache: what is there is not fetched again."""

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

PIECE = 4 * 2**20
"""Bytes that are fetched at once, at most; what came before a failure stays."""

# Files up to this size are fetched whole and compared with what the server announces.
_WHOLE = 32 * 2**20
# A whole file whose contents are others than announced is fetched so often.
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What a server says of a file's contents.

    Attributes:
        sha256: Of the contents; empty if unknown.
        git: Their id as git counts it, a SHA-1; empty if unknown.
    """

    sha256: str = ""
    git: str = ""

    def fits(self, parts: Iterable[Buffer], size: int) -> bool:
        """Return whether contents of a size are those; True where nothing is announced."""
        if not self.sha256 and not self.git:
            return True
        found = sha256() if self.sha256 else sha1(b"blob %d\0" % size, usedforsecurity=False)
        for part in parts:
            found.update(part)
        return found.hexdigest() == (self.sha256 or self.git)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file on a server and what is kept of it.

    Attributes:
        cached_file: Where its pieces stand; knows its name and size.
        fetch: Returns the bytes from one place to another, all of them.
        announced: What the whole should be.
        offline: Whether nothing may be fetched.
    """

    cached_file: CachedFile
    size: int
    fetch: Callable[[int, int], bytes]
    announced: Checksum = Checksum()
    offline: bool = False


def open_cached_file(remote: RemoteFile, *, ranges: bool = False) -> BinaryIO:
    """Open a remote file for reading; nothing is fetched before it is read.

    Args:
        remote: What to open.
        ranges: Whether only the bytes asked for are fetched, by readers that skip about. Else a
            file of up to 32 MiB is fetched whole at the first read, a larger one 4 MiB at a time.

    Raises (when read):
        SourceError: What comes is not what the server announces, or can't be kept.
        OfflineError: Something isn't kept and may not be fetched.
    """
    raw = _KeptFile(remote, ranges=ranges)
    # A buffer would ask for a little more behind each read, which is a request of its own.
    return cast("BinaryIO", raw if ranges else io.BufferedReader(raw))


class _KeptFile(io.RawIOBase):
    def __init__(self, remote: RemoteFile, *, ranges: bool) -> None:
        super().__init__()
        self._remote = remote
        self._whole = not ranges and remote.size <= _WHOLE
        self._ahead = 0 if ranges else PIECE
        self._position = 0
        self._checks = not self._whole
        self._at = CachedRange(0, 0, "")
        self._content = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._remote.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer, unless the file ends before."""
        target = memoryview(buffer).cast("B")
        if self._whole:
            self._fetch_whole()
        end = min(self._position + len(target), self._remote.size)
        given = 0
        for part in self._parts(self._position, end):
            target[given : given + len(part)] = part
            given += len(part)
        self._position += given
        return given

    def _parts(self, start: int, end: int) -> Iterator[memoryview]:
        """Yield the bytes from one place to another, each part from one piece."""
        while start < end:
            if not self._at.start <= start < self._at.end:
                self._turn_to(start, end)
            part = memoryview(self._content)[start - self._at.start : end - self._at.start]
            start += len(part)
            yield part

    def _turn_to(self, start: int, end: int) -> None:
        for piece in self._remote.cached_file.covering(start):
            content = self._remote.cached_file.content(piece)
            if content is not None:
                self._at, self._content = piece, content
                return
        self._fetch(start, end)

    def _fetch(self, start: int, end: int) -> None:
        remote = self._remote
        info = remote.cached_file.info
        wanted = min(max(end, start + self._ahead), start + PIECE, remote.size)
        kept = ((piece.start, piece.end) for piece in remote.cached_file.pieces())
        start, end = find_gaps(kept, start, wanted)[0]
        if remote.offline:
            raise OfflineError(
                f"{info.location}: {info.name}: not all of it that the build needs is in the cache; "
                "build once without --offline"
            )
        content = remote.fetch(start, end)
        self._at, self._content = remote.cached_file.put(start, content), content
        if self._checks and self._is_whole() and not self._fits():
            remote.cached_file.clear()
            raise SourceError(_unlike(info))

    def _is_whole(self) -> bool:
        kept = merge_ranges((piece.start, piece.end) for piece in self._remote.cached_file.pieces())
        return kept == ((0, self._remote.size),)

    def _fits(self) -> bool:
        """Return whether the whole file is what the server announces."""
        return self._remote.announced.fits(self._parts(0, self._remote.size), self._remote.size)

    def _fetch_whole(self) -> None:
        """Make sure, once, that the whole file is kept and is what the server announces."""
        self._whole = False
        remote = self._remote
        for _ in range(1 if remote.offline else _TRIES):
            deque(self._parts(0, remote.size), maxlen=0)
            if self._fits():
                return
            if not remote.offline:
                remote.cached_file.clear()
            self._at = CachedRange(0, 0, "")
        raise SourceError(_unlike(remote.cached_file.info))


def _unlike(info: CachedFileInfo) -> str:
    return (
        f"{info.location}: {info.name}: what comes is not what the server announces (its checksum is "
        "another); try again later"
    )
