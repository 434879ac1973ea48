"""Lines of text files, and records of several lines: each bounded in memory, and each text or rejected."""

from __future__ import annotations

import io
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.storage.compression import open_decompressed, peek_head, read_whole
from calibset.storage.encodings import Utf8Stream, find_encoding, is_utf8
from calibset.storage.file_forms import describe_other_form
from calibset.storage.files import File

MAX_RECORD_BYTES = 16 * 2**20
"""The most bytes of a record, decompressed; a longer one is rejected and not held in memory."""

MOST_BLANK_LINES = 1_000_000
"""The most blank lines in a row. No program of good will writes so many: they say nothing, and take time."""

TOO_LONG = "record too long"
"""The reason for which a record is rejected that has more bytes."""

ENCODING_FAULT = "not valid "
"""How the reason begins for which a text is rejected that isn't in its file's encoding."""

# What surrogateescape makes of bytes that are not UTF-8.
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_EXCERPT_LENGTH = 200
_BLOCK = 2**16


@contextmanager
def open_text(file: File) -> Iterator[BinaryIO]:
    """Open a text file as a stream of UTF-8, decompressed.

    The encoding is the one that a byte order mark names, or else the file's. Bytes that aren't in it are
    no UTF-8 in the stream either.

    Raises:
        SourceError: The file is damaged, or its first bytes are those of something else than text.
    """
    with open_decompressed(file) as stream:
        head = peek_head(stream)
        if not file.is_part and (other := describe_other_form(head)):
            raise SourceError(f"{file.name}: {other}, or leave it out with files = [...]")
        encoding = find_encoding(head, file.encoding)
        yield stream if is_utf8(encoding) else io.BufferedReader(Utf8Stream(stream, encoding))


def describe_undecodable(file: File) -> str:
    """Return the reason for which a text is rejected that isn't in its file's encoding."""
    return f"{ENCODING_FAULT}{'UTF-8' if is_utf8(file.encoding) else file.encoding}"


def read_whole_text(file: File, *, keep_undecodable: bool = False) -> str | Rejection:
    """Return the text of a file, without a byte order mark, or a rejection if it isn't in its encoding.

    Args:
        file: The file to read.
        keep_undecodable: Whether bytes that are no text are kept, for `has_undecodable_bytes` to find.

    Raises:
        SourceError: The file is damaged, or has more than `MAX_WHOLE_FILE_BYTES` bytes.
    """
    return decode_text(read_whole(file), file, keep_undecodable=keep_undecodable)


def decode_text(content: bytes, file: File, *, keep_undecodable: bool = False) -> str | Rejection:
    """Return the text that a file's content is, as `read_whole_text` does."""
    encoding = find_encoding(content, file.encoding)
    if not is_utf8(encoding):
        content = io.BufferedReader(Utf8Stream(io.BytesIO(content), encoding)).read()
    text = content.removeprefix(BOM_UTF8).decode("utf-8", "surrogateescape")
    if has_undecodable_bytes(text) and not keep_undecodable:
        return _reject(file.name, describe_undecodable(file), text)
    return text


def read_first_character(file: File) -> str:
    """Return a text file's first character that isn't white space; empty if there is none.

    It is also empty if more than `MOST_BLANK_LINES` come before, over which `read_lines` stumbles.
    """
    with open_text(file) as stream:
        content = stream.readline(_BLOCK).removeprefix(BOM_UTF8)
        blank = 0
        while content and not content.strip() and (blank := blank + 1) < MOST_BLANK_LINES:
            content = stream.readline(_BLOCK)
    text = content.decode("utf-8", "replace").lstrip()
    return text[:1]


def read_lines(file: File, *, keep_undecodable: bool = False) -> Iterator[str | Rejection]:
    r"""Yield the lines of a text file without their ends: ``\n``, ``\r\n``, or ``\r`` if it has no other.

    A byte order mark at the start is dropped. For a line that isn't in the file's encoding a rejection is
    yielded instead, and for one of more than `MAX_RECORD_BYTES` bytes, which is never held in memory.

    Args:
        file: The file to read.
        keep_undecodable: Whether bytes that are no text are kept, for `has_undecodable_bytes` to find,
            since it takes more than the line to tell what record they belong to.

    Raises (when read):
        SourceError: The file is damaged, is no text, or more than `MOST_BLANK_LINES` blank lines follow each
            other.
    """
    number = last = 0
    with open_text(file) as stream:
        while line := stream.readline(MAX_RECORD_BYTES + 1):
            plain = line.removeprefix(BOM_UTF8) if number == 0 else line
            if len(line) <= MAX_RECORD_BYTES:
                parts: Sequence[bytes] = (plain,)
                if number == 0 and not (line.endswith(b"\n") or file.is_part):
                    # A file without a line feed is one line, unless its lines end in carriage returns.
                    parts = plain.removesuffix(b"\r").split(b"\r")
                for part in parts:
                    number += 1
                    if not part or part.isspace():
                        _require_words(file, last, number)
                    else:
                        last = number
                    text = part.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
                    if not keep_undecodable and has_undecodable_bytes(text):
                        yield _reject(f"{file.name}:{number}", describe_undecodable(file), text)
                    else:
                        yield text
                continue
            last = number = number + 1
            # No character takes more than four bytes.
            beginning = plain[: 4 * _EXCERPT_LENGTH].decode("utf-8", "replace")
            rejection = _reject(f"{file.name}:{number}", TOO_LONG, beginning)
            del plain
            while line and not line.endswith(b"\n"):
                line = stream.readline(_BLOCK)
            yield rejection


def _require_words(file: File, last: int, number: int) -> None:
    """Make sure that not too many blank lines follow each other, of which the last one has a number."""
    if number - last > MOST_BLANK_LINES:
        raise SourceError(
            f"{file.name}:{last + 1}: more than {MOST_BLANK_LINES:,} blank lines follow each other; "
            "take them out, or leave the file out with files = [...]"
        )


class RecordLines:
    r"""Lines that make up one record, of `MAX_RECORD_BYTES` bytes at most.

    Attributes:
        position: The file and the line that the record begins on.
        lines: How many lines were added.
        rejection: Set once a line was rejected or the lines have too many bytes; they are then dropped.

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
        # Most records are one line, for which a buffer would take longer than all the rest.
        self._first = ""
        self._text: io.StringIO | None = None

    def add(self, line: str | Rejection) -> None:
        """Add a line as `read_lines` yields it."""
        self.lines += 1
        if self.rejection:
            return
        text = line.excerpt if isinstance(line, Rejection) else line
        self._size += 1 + len(text if text.isascii() else text.encode("utf-8", "surrogateescape"))
        if self.lines == 1:
            self._first = text
        else:
            if self._text is None:
                self._text = io.StringIO()
                self._text.write(self._first)
            self._text.write("\n" + text)
        if isinstance(line, Rejection) or self._size > MAX_RECORD_BYTES:
            reason = line.reason if isinstance(line, Rejection) else TOO_LONG
            self.rejection = _reject(self.position, reason, self._joined())
            self._first, self._text = "", None

    def text(self) -> str | Rejection:
        """Return the text of the lines, or the rejection if one isn't text or there are too many bytes."""
        return self.rejection or self._joined()

    def _joined(self) -> str:
        return self._first if self._text is None else self._text.getvalue()


def _reject(position: str, reason: str, text: str) -> Rejection:
    excerpt = _UNDECODABLE.sub("\ufffd", text[:_EXCERPT_LENGTH])
    return Rejection(position=position, reason=reason, excerpt=excerpt)


def has_undecodable_bytes(text: str) -> bool:
    """Return whether a text holds bytes that are not UTF-8, kept by ``keep_undecodable=True``."""
    return not text.isascii() and _UNDECODABLE.search(text) is not None
