"""What a place holds: files that open the same way wherever they are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from calibset.errors import SourceError

if TYPE_CHECKING:
    import zstandard
    from typing_extensions import Buffer

__all__ = ["File", "Reader", "in_memory", "is_faulty", "matching", "open_plain", "text_lines"]

# What surrogateescape makes of bytes that are no UTF-8.
_FAULTS = re.compile("[\udc80-\udcff]")
_PACKED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a place.

    Attributes:
        name: Its path inside the place, with forward slashes.
        open_bytes: Opens it; seekable, the caller closes it.
        size: In bytes, where the place tells without opening.
    """

    name: str
    open_bytes: Callable[[], BinaryIO]
    size: int | None = None

    @property
    def stem(self) -> str:
        """The file's name without folders and compression suffix."""
        base = self.name.rsplit("/", 1)[-1]
        for suffix in _PACKED:
            base = base.removesuffix(suffix)
        return base

    @property
    def packed(self) -> bool:
        """Whether its contents are compressed as a whole."""
        return self.name.endswith(_PACKED)


class Reader(Protocol):
    """Opens the files of the place that a source was found at."""

    @property
    def place(self) -> str:
        """The location as the recipe spells it."""
        ...

    @property
    def revision(self) -> str | None:
        """The commit that is read, where the place has revisions."""
        ...

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the files that match any of the shell-style patterns, by name.

        A place that is a single file gives that file whatever the patterns.

        Raises:
            SourceError: Nothing matches.
        """
        ...


@dataclass(frozen=True, slots=True)
class _InMemory:
    contents: dict[str, bytes]
    place: str
    revision: str | None = None

    def files(self, *patterns: str) -> tuple[File, ...]:
        names = matching(tuple(self.contents), patterns, self.place)
        return tuple(
            File(name, lambda name=name: io.BytesIO(self.contents[name]), len(self.contents[name]))  # type: ignore[misc]
            for name in names
        )


def in_memory(contents: dict[str, bytes], place: str = "memory") -> Reader:
    """Return a reader over files that stand in memory: for tests and notebooks.

    Examples:
        >>> reader = in_memory({"a.txt": b"one", "b.json": b"{}"})
        >>> [file.name for file in reader.files("*.txt")]
        ['a.txt']
    """
    return _InMemory(contents, place)


def matching(names: tuple[str, ...], patterns: tuple[str, ...], place: str) -> list[str]:
    """Return the sorted names that match any pattern; ``*`` crosses folders.

    Raises:
        SourceError: Nothing matches.
    """
    found = sorted(name for name in names if any(fnmatchcase(name, p) for p in patterns))
    if not found:
        raise SourceError(
            f"{place}: no file matches {', '.join(patterns)}; "
            f"it holds {_a_few(sorted(names))}: name the right ones with files = [...]"
        )
    return found


def _a_few(names: list[str], most: int = 5) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def open_plain(file: File) -> Iterator[BinaryIO]:
    """Open a file, unpacking ``.gz``, ``.bz2``, ``.xz`` and ``.zst`` as a stream.

    Raises:
        SourceError: What is unpacked is damaged or cut off.
    """
    with file.open_bytes() as raw:
        try:
            with closing(_unpacked(file.name, raw)) as plain:
                yield plain
        except (EOFError, OSError, _damage(file.name)) as error:
            raise SourceError(f"{file.name}: damaged or cut off ({error}); fetch the file again") from error


def _unpacked(name: str, raw: BinaryIO) -> BinaryIO:
    plain: object = raw
    if name.endswith(".gz"):
        import gzip

        plain = gzip.GzipFile(fileobj=raw)
    elif name.endswith(".bz2"):
        import bz2

        plain = bz2.BZ2File(raw)
    elif name.endswith(".xz"):
        import lzma

        plain = lzma.LZMAFile(raw)  # noqa: SIM115  (open_plain closes it)
    elif name.endswith(".zst"):
        plain = io.BufferedReader(_Zstandard(raw))
    return cast("BinaryIO", plain)


class _Zstandard(io.RawIOBase):
    """What a ``.zst`` file holds; the library's own stream takes a file cut off for a whole one."""

    # A few packed bytes may stand for a hundred thousand plain ones, so few are unpacked at once.
    _STEP = 4096

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__()
        self._packed = packed
        self._waiting = b""
        self._plain = memoryview(b"")
        self._frame: zstandard.ZstdDecompressionObj | None = None

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
        import zstandard

        packed = self._waiting or self._packed.read(self._STEP)
        if not packed:
            if self._frame is not None:
                raise EOFError("it ends inside a frame")
            return False
        frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
        self._plain = memoryview(frame.decompress(packed))
        self._waiting, self._frame = (frame.unused_data, None) if frame.eof else (b"", frame)
        return True


def _damage(name: str) -> type[Exception]:
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


def text_lines(file: File, *, mark_faults: bool = False) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file without their ends; only ``\n`` and ``\r\n`` end one.

    A byte order mark at the start is dropped.

    Args:
        file: What to read.
        mark_faults: Keep bytes that are no UTF-8 so that `is_faulty` finds them, in place of
            reading them as U+FFFD.
    """
    errors = "surrogateescape" if mark_faults else "replace"
    with open_plain(file) as stream:
        for number, line in enumerate(stream):
            text = line.decode("utf-8", errors).removesuffix("\n").removesuffix("\r")
            yield text.removeprefix("\ufeff") if number == 0 else text


def is_faulty(text: str) -> bool:
    """Return whether a text of `text_lines` with ``mark_faults`` holds bytes that are no UTF-8."""
    return not text.isascii() and _FAULTS.search(text) is not None
