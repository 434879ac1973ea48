"""Lines of text files, and records of several lines: each bounded in memory."""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterator

from calibset.core.documents import Rejection
from calibset.storage.compression import open_decompressed
from calibset.storage.files import File

MAX_RECORD_BYTES = 16 * 2**20
"""The most bytes of a record, decompressed; a longer one is rejected and not held in memory."""

# What surrogateescape makes of bytes that are not UTF-8.
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_EXCERPT_LENGTH = 200
_BLOCK = 2**16


def read_first_character(file: File) -> str:
    """Return a UTF-8 file's first character that isn't white space; empty if there is none."""
    decoder = getincrementaldecoder("utf-8-sig")("replace")
    with open_decompressed(file) as stream:
        while part := stream.readline(_BLOCK):
            if text := decoder.decode(part).lstrip():
                return text[0]
    return ""


def read_lines(file: File, *, keep_undecodable: bool = False) -> Iterator[str | Rejection]:
    r"""Yield the lines of a UTF-8 file without their ends; only ``\n`` and ``\r\n`` end one.

    A byte order mark at the start is dropped. For a line of more than `MAX_RECORD_BYTES` bytes, which is
    never held in memory, a rejection is yielded instead.

    Args:
        file: The file to read.
        keep_undecodable: Whether bytes that are not UTF-8 are kept, for `has_undecodable_bytes` to find;
            otherwise they become U+FFFD.
    """
    errors = "surrogateescape" if keep_undecodable else "replace"
    number = 0
    with open_decompressed(file) as stream:
        while line := stream.readline(MAX_RECORD_BYTES + 1):
            number += 1
            plain = line.removeprefix(BOM_UTF8) if number == 1 else line
            if len(line) <= MAX_RECORD_BYTES:
                yield plain.decode("utf-8", errors).removesuffix("\n").removesuffix("\r")
                continue
            # No character takes more than four bytes.
            rejection = _reject_long(
                f"{file.name}:{number}", plain[: 4 * _EXCERPT_LENGTH].decode("utf-8", "replace")
            )
            del plain
            while line and not line.endswith(b"\n"):
                line = stream.readline(_BLOCK)
            yield rejection


class RecordLines:
    r"""Lines that make up one record, of `MAX_RECORD_BYTES` bytes at most.

    Attributes:
        position: The file and the line that the record begins on.
        lines: How many lines were added.
        rejection: Set once the lines have too many bytes; they are then dropped.

    Examples:
        >>> record = RecordLines("a.txt:7")
        >>> record.add("one")
        >>> record.add("two")
        >>> record.text()
        'one\ntwo'
    """

    def __init__(self, position: str) -> None:
        self.position = position
        self.lines = 0
        self.rejection: Rejection | None = None
        self._size = 0
        self._text = io.StringIO()

    def add(self, line: str | Rejection) -> None:
        """Add a line as `read_lines` yields it."""
        self.lines += 1
        if self.rejection:
            return
        text = line.excerpt if isinstance(line, Rejection) else line
        self._size += 1 + len(text if text.isascii() else text.encode("utf-8", "surrogateescape"))
        self._text.write(text if self.lines == 1 else "\n" + text)
        if isinstance(line, Rejection) or self._size > MAX_RECORD_BYTES:
            self.rejection = _reject_long(self.position, self._text.getvalue())
            self._text.close()

    def text(self) -> str | Rejection:
        """Return the text of the lines, or the rejection if there are too many bytes."""
        return self.rejection or self._text.getvalue()


def _reject_long(position: str, text: str) -> Rejection:
    excerpt = _UNDECODABLE.sub("\ufffd", text[:_EXCERPT_LENGTH])
    return Rejection(position=position, reason="record too long", excerpt=excerpt)


def has_undecodable_bytes(text: str) -> bool:
    """Return whether a text holds bytes that are not UTF-8, kept by ``read_lines(keep_undecodable=True)``."""
    return not text.isascii() and _UNDECODABLE.search(text) is not None
