"""Files in memory, compressed as a whole or not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import zstandard

from calibset.storage.files import File

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def file(content: bytes, name: str = "a.txt") -> File:
    return File(name, lambda: io.BytesIO(content))
