"""Compressed files that unpack to far more than they are."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.heavy.hostile.hostile_file import MEGABYTE, HostileFile

# Deflate's best is about 1 : 1,030.
_GZIP_RATIO = 1_000


def _write_blank_lines(path: Path, size: int) -> None:
    # Members one after the other are one file, and are packed once.
    member = gzip.compress(b"\n" * (_GZIP_RATIO * min(size, MEGABYTE)))
    path.write_bytes(member * (size // len(member) or 1))


KINDS: tuple[HostileFile, ...] = (
    HostileFile(
        name="gzip-blank-lines", file_name="a.jsonl.gz", write=_write_blank_lines, options={"type": "jsonl"}
    ),
)
