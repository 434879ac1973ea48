"""Compressed files that unpack to far more than they are, or of which each byte takes long."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zstandard

from tests.heavy.hostile.hostile_file import MEGABYTE, HostileFile

Pack = Callable[[bytes], bytes]
_PACKERS: dict[str, Pack] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(level=3).compress,
}
# What a byte stands for at most, about.
_RATIOS = {"gz": 1_000, "bz2": 20_000, "xz": 6_000, "zst": 16_000}
_MOST_PACKED = 256 * MEGABYTE


def _of_content(line: bytes, suffix: str) -> Callable[[Path, int], None]:
    """Return a writer of a file that unpacks to as many repetitions of a line as fit."""

    def write(path: Path, size: int) -> None:
        plain = line * (min(size * _RATIOS[suffix], _MOST_PACKED) // len(line))
        # Members one after the other are one file, and are packed once.
        member = _PACKERS[suffix](plain)
        path.write_bytes(member * max(1, size // len(member)))

    return write


def _of_members(member: bytes) -> Callable[[Path, int], None]:
    """Return a writer of a file of as many small members as fit, and a line at the end."""

    def write(path: Path, size: int) -> None:
        path.write_bytes(member * (size // len(member)))

    return write


def _write_half_packed(path: Path, size: int) -> None:
    """Stay below the bound: numbers that differ, so that a byte stands for few lines of them."""
    lines = b"".join(b'{"text": "%d"}\n' % number for number in range(4 * size // 14 * 4))
    path.write_bytes(zstandard.ZstdCompressor(level=3).compress(lines)[:size])


def _write_wide_window(path: Path, size: int) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
    block = b"".join(b'{"text": "number %d"}\n' % number for number in range(size // 22))
    path.write_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(block * 20))


def _write_twice_packed(path: Path, size: int) -> None:
    inner = gzip.compress(b"\n" * (1_000 * min(size, MEGABYTE)))
    path.write_bytes(gzip.compress(inner * (size // len(inner) or 1)))


def _write_zip(path: Path, size: int, *, line: bytes, members: int) -> None:
    """Write an archive of members that hold repetitions of a line, as many as fit."""
    content = line * (min(size * _RATIOS["gz"], _MOST_PACKED) // len(line))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"{number}.jsonl", content)


def _write_long_names(path: Path, size: int) -> None:
    """Write members of a head with a long name each."""
    member = _pack_with_name(10_000)
    path.write_bytes(member * (size // len(member)))


def _write_long_name(path: Path, size: int) -> None:
    """Write a member that is its name, which the library reads byte by byte."""
    path.write_bytes(_pack_with_name(size))


def _pack_with_name(length: int) -> bytes:
    packed = gzip.compress(b"")
    return packed[:3] + b"\x08" + packed[4:10] + b"n" * length + b"\0" + packed[10:]


def _write_deep_members(path: Path, size: int) -> None:
    """Write an archive whose files are in as many folders as a name has room for."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(size // 130_000):
            archive.writestr(f"{'a/' * 32_000}{number}.jsonl", b"")


def _write_empty_members(path: Path, size: int) -> None:
    # A member takes 30 bytes before it and 46 in the list of all, with its name twice.
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(size // 100):
            archive.writestr(f"{number:06}.jsonl", b"")


_SHORT_LINES = {
    "blank": b"\n",
    "one-letter": b"a\n",
    "numbers": b"1\n",
    "objects": b"{}\n",
    "empty-texts": b'{"text":""}\n',
    "same-text": b'{"text":"x"}\n',
    "endless-line": b" " * 64,
}
_JSONL = {"type": "jsonl"}
_MEMBERS = {
    "gz": gzip.compress(b""),
    "bz2": bz2.compress(b""),
    "xz": lzma.compress(b""),
    "zst": _PACKERS["zst"](b""),
    "skippable.zst": struct.pack("<II", 0x184D2A50, 0),
}

KINDS: tuple[HostileFile, ...] = (
    *(
        HostileFile(
            name=f"{suffix}-{kind}",
            file_name=f"a.jsonl.{suffix}",
            write=_of_content(line, suffix),
            options=_JSONL,
        )
        for suffix, kinds in {
            "gz": _SHORT_LINES, "zst": _SHORT_LINES, "bz2": ("blank", "endless-line"),
            "xz": ("blank", "objects"),
        }.items()
        for kind, line in _SHORT_LINES.items()
        if kind in kinds
    ),
    *(
        HostileFile(
            name=f"empty-members-{suffix}",
            file_name=f"a.jsonl.{suffix.rpartition('.')[2]}",
            write=_of_members(member),
            options=_JSONL,
        )
        for suffix, member in _MEMBERS.items()
    ),
    HostileFile(
        name="gz-short-lines-text",
        file_name="a.txt.gz",
        write=_of_content(b"a\n", "gz"),
        options={"type": "text", "separator": "###"},
    ),
    HostileFile(
        name="gz-short-lines-csv",
        file_name="a.csv.gz",
        write=_of_content(b"text\n", "gz"),
        options={"type": "csv", "columns": ["text"]},
    ),
    *(
        HostileFile(
            name=f"zip-{kind}",
            file_name="a.zip",
            write=partial(_write_zip, line=line, members=10),
            options={"type": "hub-dataset"},
        )
        for kind, line in _SHORT_LINES.items()
    ),
    HostileFile(
        name="zip-many-members",
        file_name="a.zip",
        write=_write_empty_members,
        options={"type": "hub-dataset"},
    ),
    HostileFile(
        name="zip-deep-members",
        file_name="a.zip",
        write=_write_deep_members,
        options={"type": "hub-dataset"},
    ),
    HostileFile(name="gz-long-names", file_name="a.jsonl.gz", write=_write_long_names, options=_JSONL),
    HostileFile(name="gz-long-name", file_name="a.jsonl.gz", write=_write_long_name, options=_JSONL),
    HostileFile(name="zst-half-packed", file_name="a.jsonl.zst", write=_write_half_packed, options=_JSONL),
    HostileFile(name="zst-wide-window", file_name="a.jsonl.zst", write=_write_wide_window, options=_JSONL),
    HostileFile(name="packed-twice", file_name="a.jsonl.gz", write=_write_twice_packed, options=_JSONL),
)  # fmt: skip
