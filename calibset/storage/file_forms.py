"""The form of a file, told by its first bytes, since names and servers are often wrong about it."""

from __future__ import annotations

import re
from typing import Literal

HEAD = 512
"""How many of a file's first bytes are looked at."""

Compression = Literal["gzip", "bzip2", "xz", "zstd"]
"""A way in which files are compressed as a whole."""

SUFFIX_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""How a file is compressed by the suffix of its name."""

LFS_POINTER = "a Git LFS pointer and not the file itself; run `git lfs pull` where it was cloned"
"""What messages say of a pointer."""

_COMPRESSIONS: tuple[tuple[re.Pattern[bytes], Compression], ...] = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\0"), "xz"),
    (re.compile(rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"), "zstd"),
)
_LFS = re.compile(
    rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/\S+\r?\noid "
)
# What is no text, and how to have it read.
_NO_TEXT = (
    (re.compile(rb"PAR1"), "Parquet", "give it the ending .parquet"),
    (re.compile(rb"ARROW1|\xff\xff\xff\xff.{4}\x10\0\0\0", re.DOTALL), "Arrow",
     "give it the ending .arrow"),
    (re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|xl/|word/)", re.DOTALL),
     "an Office document (.xlsx or .docx)", 'read a workbook with type = "excel", and save others as text'),
    (re.compile(rb"PK(?:\x03\x04|\x05\x06)"), "a ZIP archive", "unpack it"),
    (re.compile(rb"%PDF-"), "PDF", "save it as text"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old Office document (.xls or .doc)",
     "save it as text, a sheet as .xlsx"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database", "export its rows as CSV"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07"), "an archive", "unpack it"),
    (re.compile(rb".{257}ustar", re.DOTALL), "a tar archive", "unpack it"),
)  # fmt: skip
_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def find_compression(head: bytes, name: str) -> Compression | None:
    r"""Return how a file is compressed, by its first bytes; None if it is plain.

    Where they tell nothing, the name does, unless they are text.

    Examples:
        >>> find_compression(b"\x1f\x8b\x08\x00", "rows.jsonl")
        'gzip'
        >>> find_compression(b'{"text": "plain"}', "rows.jsonl.gz") is None
        True
    """
    for pattern, compression in _COMPRESSIONS:
        if pattern.match(head):
            return compression
    if head and not _CONTROLS.search(head):
        return None
    return next((form for suffix, form in SUFFIX_COMPRESSIONS.items() if name.lower().endswith(suffix)), None)


def is_lfs_pointer(head: bytes) -> bool:
    """Return whether a file is what Git leaves of a large one, by its first bytes."""
    return _LFS.match(head) is not None


def is_web_page(head: bytes) -> bool:
    """Return whether a file is HTML, by its first bytes."""
    return _WEB_PAGE.match(head) is not None


def is_arrow(head: bytes) -> bool:
    """Return whether a file is Arrow's, a file or a stream, by its first bytes."""
    return _NO_TEXT[1][0].match(head) is not None


def describe_other_form(head: bytes) -> str | None:
    """Return what a file is that is no text, and what to do about it; None if it may be text."""
    if is_lfs_pointer(head):
        return LFS_POINTER
    for pattern, form, remedy in _NO_TEXT:
        if pattern.match(head):
            return f"{form} and no text; {remedy}"
    if is_web_page(head):
        return "a web page (HTML) and not the file; fetch what the page links to"
    if any(pattern.match(head) for pattern, _ in _COMPRESSIONS):
        return "compressed twice; unpack it once"
    return None
