"""Files that are compressed as a whole, unpacked as streams: few bytes at once, in bounded memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

if TYPE_CHECKING:
    from typing_extensions import Buffer

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""The suffixes of packed files."""

MOST_MEMORY = 256 * 2**20
"""Bytes of memory that a packed file's header may ask for (the window of zstd and xz)."""


def unpacked(name: str, raw: BinaryIO) -> BinaryIO:
    """Return a stream of what a file holds, by the suffix of its name."""
    plain: object = raw
    if name.endswith(".gz"):
        import gzip

        plain = gzip.GzipFile(fileobj=raw)
    elif name.endswith(".bz2"):
        import bz2

        plain = bz2.BZ2File(raw)
    elif name.endswith(".xz"):
        import lzma

        # The library's own stream takes no limit of memory.
        plain = _Frames(raw, lambda: lzma.LZMADecompressor(memlimit=MOST_MEMORY), padding=b"\0")
    elif name.endswith(".zst"):
        import zstandard

        # The library's own stream takes a file cut off for a whole one.
        plain = _Frames(raw, zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY).decompressobj)
    return cast("BinaryIO", io.BufferedReader(plain) if isinstance(plain, io.RawIOBase) else plain)


def damage(name: str) -> type[Exception]:
    """Return what reading a damaged file of this form raises, beside EOFError and OSError."""
    if name.endswith(".xz"):
        import lzma

        return lzma.LZMAError
    if name.endswith(".zst"):
        import zstandard

        return zstandard.ZstdError
    if name.endswith(".gz"):
        import zlib

        return zlib.error
    return OSError


def fault(error: Exception) -> str:
    """Return what is wrong with a file that can't be unpacked, and what to do about it."""
    if "memory" in str(error).lower():  # neither library has an error of its own for it
        return f"takes more than {MOST_MEMORY:,} bytes of memory to unpack; pack it with a smaller window"
    return f"damaged or cut off ({error}); fetch the file again"


class _Frame(Protocol):
    """What unpacks one frame of several that a file may hold one behind the other."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Frames(io.RawIOBase):
    """What the frames of a file hold together."""

    # A few packed bytes may stand for a hundred thousand plain ones, so few are unpacked at once.
    _STEP = 256

    def __init__(self, packed: BinaryIO, start: Callable[[], _Frame], padding: bytes = b"") -> None:
        super().__init__()
        self._packed = packed
        self._start = start
        self._padding = padding
        self._waiting = b""
        self._plain = memoryview(b"")
        self._frame: _Frame | None = start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._plain and self._unpack():
            pass
        count = min(len(target), len(self._plain))
        target[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _unpack(self) -> bool:
        waiting = self._waiting or self._packed.read(io.DEFAULT_BUFFER_SIZE)
        packed, self._waiting = waiting[: self._STEP], waiting[self._STEP :]
        if not packed:
            if self._frame is not None:
                raise EOFError("it ends inside a frame")
            return False
        if self._frame is None:
            packed = packed.lstrip(self._padding)
            self._frame = self._start() if packed else None
        if self._frame is not None:
            self._plain = memoryview(self._frame.decompress(packed))
            if self._frame.eof:
                self._waiting, self._frame = self._frame.unused_data + self._waiting, None
        return True
