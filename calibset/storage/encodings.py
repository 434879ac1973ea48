"""The encodings of text files: which there are, their text as UTF-8, and which one a file seems to have."""

from __future__ import annotations

import codecs
import io
import re
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Codecs of Python's that no file is written in, and those that depend on the machine.
_NO_FILES = frozenset(
    ("idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = re.compile("[\ud800-\udfff\ufffd]")
_BLOCK = 2**16


def is_text_encoding(name: str) -> bool:
    """Return whether Python has a codec of this name for the text of files.

    Examples:
        >>> [is_text_encoding(name) for name in ("windows-1250", "latin2", "base64", "utf-9")]
        [True, True, False, False]
    """
    try:
        b"x".decode(name, "replace")
    except (LookupError, ValueError):  # no codec of text, or no name
        return False
    return codecs.lookup(name).name.replace("_", "-") not in _NO_FILES


@cache
def is_utf8(name: str) -> bool:
    """Return whether a codec is UTF-8, with or without a byte order mark."""
    return codecs.lookup(name).name in ("utf-8", "utf-8-sig")


@cache
def extends_ascii(name: str) -> bool:
    """Return whether in an encoding the bytes below 128 are ASCII, wherever they are."""
    ascii_bytes = bytes(range(128))
    same = ascii_bytes.decode(name, "replace") == ascii_bytes.decode("ascii")
    return same and b"~~\n".decode(name, "replace") == "~~\n"  # HZ doubles its tildes


def find_encoding(head: bytes, encoding: str) -> str:
    """Return the encoding that a byte order mark at a file's beginning names, or else the given one."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # Without a mark, as Windows writes it.
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(codecs.lookup(encoding).name, encoding)


class Utf8Stream(io.RawIOBase):
    """The text of a stream as UTF-8; what is no text in the stream's encoding becomes a byte 0xFF each."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._waiting = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Write the next bytes into a buffer and return their number, 0 at the end."""
        while not self._waiting and not self._ended:
            block = self._stream.read(_BLOCK)
            self._ended = not block
            text = _NO_TEXT.sub("\udcff", self._decoder.decode(block, final=self._ended))
            self._waiting = memoryview(text.encode("utf-8", "surrogateescape"))
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._waiting))
        target[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count
