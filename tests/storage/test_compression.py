from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from calibset.core.errors import SourceError
from calibset.storage import compression
from calibset.storage.compression import open_decompressed, read_whole
from calibset.storage.text_lines import (
    read_lines,
)
from tests.storage.packed import PACKERS, file


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_compressed_files_read_as_plain_ones(suffix: str) -> None:
    plain = b"one\ntwo\n" * 50_000
    packed = PACKERS[suffix](plain) if suffix else plain
    with open_decompressed(file(packed, "a.txt" + suffix)) as stream:
        assert stream.read() == plain
    assert sum(1 for _ in read_lines(file(packed, "a.txt" + suffix))) == 100_000


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_of_several_parts_are_read_to_the_end(suffix: str) -> None:
    packed = PACKERS[suffix](b"one\n") + PACKERS[suffix](b"two\n")
    assert list(read_lines(file(packed, "a" + suffix))) == ["one", "two"]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("harm", ["cut off", "cut off late", "other bytes"])
def test_a_damaged_file_is_a_clear_error(suffix: str, harm: str) -> None:
    whole = PACKERS[suffix](bytes(range(256)) * 400)
    content = {
        "cut off": whole[: len(whole) // 2],
        "cut off late": whole[:-1],
        "other bytes": bytes(range(9)) * 9,
    }
    with pytest.raises(
        SourceError, match=rf"^a\.txt\{suffix}: damaged or cut off \(.+\); fetch the file again$"
    ):
        list(read_lines(file(content[harm], "a.txt" + suffix)))


def test_what_stands_before_the_damage_is_read() -> None:
    whole = PACKERS[".zst"](b"one\n" * 9)
    lines = read_lines(file(whole + whole[:-1], "a.zst"))
    assert [next(lines) for _ in range(9)] == ["one"] * 9
    with pytest.raises(SourceError, match="it ends inside a frame"):
        list(lines)


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_a_file_that_is_read_as_a_whole_has_a_bound(monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 2**20)
    content = {size: b" " * size for size in (2**20, 2**20 + 1)}
    packed = {size: PACKERS[suffix](text) if suffix else text for size, text in content.items()}
    assert read_whole(file(packed[2**20], "a" + suffix)) == content[2**20]
    with pytest.raises(SourceError) as caught:
        read_whole(file(packed[2**20 + 1], "a" + suffix))
    assert str(caught.value) == (
        f"a{suffix}: holds more than 1,048,576 bytes, too many for a file that is read as a whole; "
        "split it, or leave it out with files = [...]"
    )


def zstandard_of_window(exponent: int) -> bytes:
    """Return a frame of one raw block that asks for a window of two to this power."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(exponent - 10) << 3]) + b"\x21\0\0" + b"one\n"


def xz_of_dictionary(exponent: int) -> bytes:
    """Return a stream whose block's header asks for a dictionary of two to this power."""
    packed = bytearray(lzma.compress(b"one\n"))
    end = 12 + 4 * packed[12]
    packed[16] = 2 * (exponent - 12)
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize(("suffix", "packed"), [(".zst", zstandard_of_window), (".xz", xz_of_dictionary)])
def test_a_window_that_would_fill_the_memory_is_refused(suffix: str, packed: Callable[[int], bytes]) -> None:
    assert list(read_lines(file(packed(26), "a" + suffix))) == ["one"]
    with pytest.raises(SourceError) as caught:
        list(read_lines(file(packed(31), "a" + suffix)))
    assert str(caught.value) == (
        f"a{suffix}: needs more than 268,435,456 bytes of memory to unpack; compress it with a smaller window"
    )


def test_zeros_may_stand_behind_the_streams_of_an_xz_file() -> None:
    one, two = lzma.compress(b"one\n"), lzma.compress(b"two\n")
    assert list(read_lines(file(one + bytes(4096) + two + bytes(4), "a.xz"))) == ["one", "two"]


def test_zeros_may_stand_behind_the_members_of_a_gzip_file() -> None:
    one, two = PACKERS[".gz"](b"one\n"), PACKERS[".gz"](b"two\n")
    assert list(read_lines(file(one + bytes(9_999) + two + bytes(4), "a.gz"))) == ["one", "two"]


@pytest.mark.parametrize("harm", ["checksum", "behind"])
def test_a_gzip_file_with_other_bytes_at_its_end_is_damaged(harm: str) -> None:
    packed = PACKERS[".gz"](b"one\n")
    content = {"checksum": packed[:-8] + b"none" + packed[-4:], "behind": packed + b"none"}[harm]
    with pytest.raises(SourceError, match=r"^a\.gz: damaged or cut off \(.+\); fetch the file again$"):
        list(read_lines(file(content, "a.gz")))


def test_a_gzip_header_is_not_read_byte_by_byte() -> None:
    reads = 0

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal reads
            reads += 1
            return super().read(size)

    packed = PACKERS[".gz"](b"one\n")
    # The header says that a name follows, which ends with a zero.
    named = packed[:3] + b"\x08" + packed[4:10] + b"n" * 2**20 + b"\0" + packed[10:]
    counted = replace(file(named, "a.gz"), open_bytes=lambda: Counted(named))
    assert list(read_lines(counted)) == ["one"]
    assert reads < 200


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_without_a_byte_is_cut_off(suffix: str) -> None:
    with pytest.raises(SourceError, match="damaged or cut off"):
        list(read_lines(file(b"", "a" + suffix)))
