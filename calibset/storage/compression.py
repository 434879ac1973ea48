"""Files that are compressed as a whole, decompressed as streams: a few bytes at a time, in bounded memory."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from calibset.core.errors import SourceError
from calibset.storage.file_forms import HEAD, LFS_POINTER, Compression, find_compression, is_lfs_pointer
from calibset.storage.files import File
from calibset.storage.reading_budget import BudgetedStream, ReadingBudget

if TYPE_CHECKING:
    from typing_extensions import Buffer


MAX_WHOLE_FILE_BYTES = 256 * 2**20
"""The most bytes, decompressed, of a file whose format has to be read as a whole."""

# Bytes of memory that a compressed file's header may ask for (the window of zstd and xz).
_MAX_MEMORY = 256 * 2**20
_BLOCK = 2**16
# A few bytes may stand for a hundred thousand decompressed ones, so few are decompressed at once; of gzip,
# whose bytes stand for a thousand at most, some more.
_STEP, _GZIP_STEP = 2**8, 2**12
# What zlib is told for it to read gzip's header and checksum, too.
_GZIP = 16 + zlib.MAX_WBITS


@contextmanager
def open_decompressed(file: File) -> Iterator[BinaryIO]:
    """Open a file as a stream of its contents, decompressed if it is gzip, bzip2, xz or zstd.

    What the file holds decides, not its name.

    Raises:
        SourceError: The file is damaged or truncated, takes too much memory to decompress, unpacks to more
            than its `ReadingBudget`, or is a pointer that Git left in place of it.
    """
    with file.open_bytes() as raw:
        compression = None if file.is_part else _look_at(file, raw)
        try:
            with closing(_decompress(compression, raw, file.name)) as stream:
                yield stream
        except (EOFError, OSError, _damage_error(compression)) as error:
            raise SourceError(f"{file.name}: {_explain_damage(error)}") from error


def read_whole(file: File) -> bytes:
    """Return the whole contents of a file, decompressed.

    Raises:
        SourceError: The file is damaged, or has more than `MAX_WHOLE_FILE_BYTES` bytes.
    """
    content = io.BytesIO()
    with open_decompressed(file) as stream:
        while block := stream.read(_BLOCK):
            content.write(block)
            if content.tell() > MAX_WHOLE_FILE_BYTES:
                raise SourceError(
                    f"{file.name}: holds more than {MAX_WHOLE_FILE_BYTES:,} bytes, too many for a file that "
                    "is read as a whole; split it, or leave it out with files = [...]"
                )
    return content.getvalue()


def peek_head(stream: BinaryIO) -> bytes:
    """Return the first bytes of a stream without passing them."""
    if isinstance(stream, io.BufferedReader):
        return stream.peek(HEAD)[:HEAD]
    head = stream.read(HEAD)
    stream.seek(0)
    return head


def is_compressed(file: File) -> bool:
    """Return whether a file is compressed as a whole, reading little of it."""
    with file.open_random_access() as raw:
        return find_compression(raw.read(HEAD), file.name) is not None


def _look_at(file: File, raw: BinaryIO) -> Compression | None:
    """Return how a file is compressed, by its first bytes, without passing them."""
    head = peek_head(raw)
    if is_lfs_pointer(head):
        raise SourceError(f"{file.name}: {LFS_POINTER}")
    return find_compression(head, file.name)


def _decompress(compression: Compression | None, raw: BinaryIO, name: str) -> BinaryIO:
    """Return a stream of the decompressed contents of a file, no more than its bytes may stand for."""
    if compression is None:
        return raw
    plain: object
    if compression == "gzip":
        # The library's own stream reads a header byte by byte, and one may name a file of megabytes.
        plain = _Frames(raw, lambda: zlib.decompressobj(wbits=_GZIP), padding=b"\0", step=_GZIP_STEP)
    elif compression == "bzip2":
        import bz2

        plain = bz2.BZ2File(raw)
    elif compression == "xz":
        import lzma

        # The library's own stream can't be given a limit of memory.
        plain = _Frames(raw, lambda: lzma.LZMADecompressor(memlimit=_MAX_MEMORY), padding=b"\0")
    else:
        import zstandard

        # The library's own stream ends without an error where a file is cut off.
        plain = _Frames(raw, zstandard.ZstdDecompressor(max_window_size=_MAX_MEMORY).decompressobj)
    budget = ReadingBudget(name, raw.tell)
    return io.BufferedReader(BudgetedStream(cast("BinaryIO", plain), budget), _BLOCK)


def _damage_error(compression: Compression | None) -> type[Exception]:
    """Return the error that decompressing a damaged file raises, beside EOFError and OSError."""
    if compression == "xz":
        import lzma

        return lzma.LZMAError
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdError
    if compression == "gzip":
        return zlib.error
    return OSError


def _explain_damage(error: Exception) -> str:
    """Say what is wrong with a file that can't be decompressed, and what to do about it."""
    if "memory" in str(error).lower():  # neither library has an error of its own for it
        return f"needs more than {_MAX_MEMORY:,} bytes of memory to unpack; compress it with a smaller window"
    return f"damaged or cut off ({error}); fetch the file again"


class _Frame(Protocol):
    """A decompressor of one frame; a file may hold several, one after the other."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Frames(io.RawIOBase):
    """The decompressed contents of all frames of a file."""

    def __init__(
        self, compressed: BinaryIO, start: Callable[[], _Frame], padding: bytes = b"", step: int = _STEP
    ) -> None:
        super().__init__()
        self._compressed = compressed
        self._start = start
        self._padding = padding
        self._step = step
        self._waiting = b""
        self._plain = memoryview(b"")
        self._frame: _Frame | None = start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._plain and self._decompress_more():
            pass
        count = min(len(target), len(self._plain))
        target[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _decompress_more(self) -> bool:
        waiting = self._waiting or self._compressed.read(io.DEFAULT_BUFFER_SIZE)
        compressed, self._waiting = waiting[: self._step], waiting[self._step :]
        if not compressed:
            if self._frame is not None:
                raise EOFError("it ends inside a frame")
            return False
        if self._frame is None:
            compressed = compressed.lstrip(self._padding)
            self._frame = self._start() if compressed else None
        if self._frame is not None:
            self._plain = memoryview(self._frame.decompress(compressed))
            if self._frame.eof:
                self._waiting, self._frame = self._frame.unused_data + self._waiting, None
        return True
