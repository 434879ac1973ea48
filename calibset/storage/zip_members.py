"""The members of a ZIP archive, as files of their own."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from calibset.core.errors import SourceError
from calibset.storage.files import File
from calibset.storage.reading_budget import ReadingBudget

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What is unpacked at once. Of other methods than these two the library unpacks all of what it reads, and
# forty bytes of bzip2 may be a megabyte.
_BLOCK = 2**16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Most archives of a dataset hold one file or some dozens; each takes a line of memory.
_MOST_MEMBERS = 100_000
_ENCRYPTED = 0x1
# The lengths of the name and of what follows it, at the end of the header before a member.
_HEADER = struct.Struct("<26xHH")
# What the library raises of archives that are damaged, or packed in a way that it doesn't know.
_FAULTS = (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, ValueError, RuntimeError)


def list_members(archive: File) -> tuple[File, ...]:
    """Return an archive's members, folder by folder; the files of a folder stand before its subfolders.

    Nothing is unpacked to the disk: a member's name leads nowhere, and is a part of ``ARCHIVE/MEMBER``.

    Raises:
        SourceError: The archive is damaged, or has too many members.
    """
    with _zip_errors(archive), archive.open_random_access() as stream, zipfile.ZipFile(stream) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        if len(members) > _MOST_MEMBERS:
            raise SourceError(
                f"{archive.name}: holds {len(members):,} files, more than {_MOST_MEMBERS:,}; unpack it"
            )
        if sum(member.compress_size for member in members) > stream.seek(0, io.SEEK_END):
            # So that a few bytes stand for as many members as there is room to name.
            raise SourceError(f"{archive.name}: its files lie over each other; unpack it if you trust it")
        for member in members:
            if member.flag_bits & _ENCRYPTED:
                raise SourceError(f"{archive.name}: {member.filename} is encrypted; unpack it")
    members.sort(key=lambda member: _walk_order(member.filename))
    contents = _Archive(archive)
    return tuple(contents.make_file(member) for member in members)


def _walk_order(name: str) -> tuple[tuple[bool, str], ...]:
    *folders, base = name.split("/")
    return (*((True, folder) for folder in folders), (False, base))


class _Archive:
    """An archive, of whose members what is unpacked is counted together."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.budget = ReadingBudget(file.name, lambda: self._stored)
        self._stored = 0

    def make_file(self, member: zipfile.ZipInfo) -> File:
        """Return a member as a file."""
        opens = partial(self._open, member)
        name = f"{self.file.name}/{member.filename}"
        return replace(self.file, name=name, open_bytes=opens, open_ranges=opens, size=member.file_size)

    def _open(self, member: zipfile.ZipInfo) -> BinaryIO:
        with _zip_errors(self.file):
            if member.compress_type not in _METHODS:
                raise SourceError(
                    f"{self.file.name}: {member.filename} is neither stored nor deflated; unpack it"
                )
            contents = self._find_contents(member)
            self._stored += member.compress_size
            if member.file_size > _BLOCK:
                return cast("BinaryIO", io.BufferedReader(_Member(self, contents), _BLOCK))
            # One of many, perhaps, for which a stream of its own takes long; it may hold more than it says.
            with contents:
                content = contents.read(_BLOCK)
            self.budget.count(content)
            return io.BytesIO(content)

    def _find_contents(self, member: zipfile.ZipInfo) -> zipfile.ZipExtFile:
        """Return a member unpacked, found by its own header: the list of all is read once, not for each."""
        raw = self.file.open_random_access()
        raw.seek(member.header_offset)
        header = raw.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile("a member has no header")
        raw.seek(sum(_HEADER.unpack(header)), io.SEEK_CUR)
        return zipfile.ZipExtFile(cast("IO[bytes]", raw), "r", member, close_fileobj=True)


class _Member(io.RawIOBase):
    """The contents of a large member, of which what is read is counted."""

    def __init__(self, archive: _Archive, contents: zipfile.ZipExtFile) -> None:
        super().__init__()
        self._archive = archive
        self._contents = contents

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with _zip_errors(self._archive.file):
            return self._contents.seek(offset, whence)

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        with _zip_errors(self._archive.file):
            content = self._contents.read(len(target))
        self._archive.budget.count(content)
        target[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._contents.close()
        super().close()


@contextmanager
def _zip_errors(archive: File) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        raise SourceError(f"{archive.name}: damaged or cut off ({error}); fetch the file again") from error
