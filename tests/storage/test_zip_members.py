from __future__ import annotations

import io
import random
import time
import tracemalloc
import zipfile
import zlib

import pytest

from calibset.core.errors import SourceError
from calibset.storage import reading_budget
from calibset.storage.files import File, memory_reader
from calibset.storage.zip_members import list_members


def archive(content: bytes) -> File:
    (file,) = memory_reader({"a.zip": content}).files("a.zip")
    return file


def zipped(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in members:
            written.writestr(name, data)
    return content.getvalue()


def read(file: File) -> bytes:
    with file.open_bytes() as stream:
        return stream.read()


@pytest.mark.parametrize("length", [1, 10_000])
def test_members_are_files_that_seek(length: int) -> None:
    inner = b"inner" * length
    first, second = list_members(archive(zipped(("x/b.txt", inner), ("a.txt", b"outer"), ("x/", b""))))
    assert (first.name, first.size, read(first)) == ("a.zip/a.txt", 5, b"outer")
    assert (second.name, read(second)) == ("a.zip/x/b.txt", inner)
    with second.open_random_access() as stream:
        stream.read()
        assert stream.seek(2) == 2
        assert stream.read() == inner[2:]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_each_their_own() -> None:
    assert list(map(read, list_members(archive(zipped(("a", b"1"), ("a", b"2")))))) == [b"1", b"2"]


def test_what_cannot_be_read_is_an_error() -> None:
    whole = zipped(("a.txt", b"some text " * 50))
    for content in (b"", b"PK\x03\x04", whole[:-30], whole[:45] + b"\xff" + whole[46:]):
        with pytest.raises(SourceError, match=r"^a\.zip: damaged or cut off \(.+\); fetch the file again$"):
            [read(member) for member in list_members(archive(content))]


def test_many_members_are_read_in_the_time_that_they_take() -> None:
    members = list_members(archive(zipped(*((f"{number}.txt", b"x") for number in range(5_000)))))
    begin = time.process_time()
    assert b"".join(map(read, members)) == b"x" * 5_000
    assert time.process_time() - begin < 3


def test_members_that_lie_over_each_other_are_refused() -> None:
    content = zipped(*((f"{number}.txt", random.Random(number).randbytes(200)) for number in range(9)))
    first = content.index(b"PK\x01\x02")
    for number in range(9):
        at = content.index(f"{number}.txt".encode(), first) - 46
        # Each is said to be as long as all of them.
        content = content[: at + 20] + (2_000).to_bytes(4, "little") + content[at + 24 :]
    with pytest.raises(
        SourceError, match=r"^a\.zip: its files lie over each other; unpack it if you trust it$"
    ):
        list_members(archive(content))


@pytest.mark.parametrize("length", [50_000, 500_000, 3_000_000])
def test_members_that_unpack_to_far_more_than_they_take_are_an_error(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(reading_budget, "MOST_FREE_BYTES", 1_000_000)
    content = zipped(*((f"{number}.txt", bytes(length)) for number in range(3_000_000 // length)))
    with pytest.raises(
        SourceError, match=r"^a\.zip: [\d,]+ bytes of it unpack to 1,[\d,]+ bytes, more than 200 for each"
    ):
        list(map(read, list_members(archive(content))))


def test_a_member_that_holds_more_than_it_says_is_not_unpacked_whole() -> None:
    content = bytearray(zipped(("a.txt", bytes(30_000_000))))
    start = content.index(b"PK\x01\x02")
    # Its checksum and its size, in the list of all.
    content[start + 16 : start + 20] = zlib.crc32(bytes(100)).to_bytes(4, "little")
    content[start + 24 : start + 28] = (100).to_bytes(4, "little")
    (member,) = list_members(archive(bytes(content)))
    tracemalloc.start()
    assert read(member) == bytes(100)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_would_be_unpacked_at_once_is_an_error(method: int) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("a.txt", b"some text")
        written.writestr("b.txt", bytes(1_000), method)
    first, second = list_members(archive(content.getvalue()))
    assert read(first) == b"some text"
    with pytest.raises(SourceError, match=r"^a\.zip: b\.txt is neither stored nor deflated; unpack it$"):
        read(second)


def test_an_encrypted_member_is_named() -> None:
    content = bytearray(zipped(("a.txt", b"x")))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(SourceError, match=r"^a\.zip: a\.txt is encrypted; unpack it$"):
        list_members(archive(bytes(content)))
