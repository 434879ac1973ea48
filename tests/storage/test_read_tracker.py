from __future__ import annotations

import io
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from calibset.storage.files import File, memory_reader
from calibset.storage.read_tracker import FileRead, TrackedReader, hash_ranges

CONTENT = bytes(range(256)) * 4


def watched() -> tuple[TrackedReader, File]:
    reader = TrackedReader(memory_reader({"a.bin": CONTENT, "b.bin": b"b"}))
    return reader, reader.files("a.*")[0]


def visible_ids(reader: TrackedReader) -> list[tuple[str, tuple[tuple[int, int], ...]]]:
    return [(read.name, read.ranges) for read in reader.read()]


def test_it_is_the_reader_in_all_else() -> None:
    reader, file = watched()
    assert (reader.location, reader.revision) == ("memory", None)
    assert [file.name for file in reader.files("*")] == ["a.bin", "b.bin"]
    assert file.size == 1_024


def test_a_file_that_nobody_opened_was_not_read() -> None:
    reader, _ = watched()
    assert visible_ids(reader) == []


def test_what_was_read_is_noted_with_its_hash() -> None:
    reader, file = watched()
    with file.open_bytes() as stream:
        stream.seek(-4, io.SEEK_END)
        assert stream.read() == CONTENT[-4:]
        stream.seek(10)
        assert stream.read(5) == CONTENT[10:15]
    with file.open_random_access() as stream:
        stream.seek(12)
        assert stream.read(8) == CONTENT[12:20]
    assert list(reader.read()) == [
        FileRead(
            name="a.bin",
            size=1_024,
            ranges=((10, 20), (1_020, 1_024)),
            sha256=sha256(CONTENT[10:20] + CONTENT[-4:]).hexdigest(),
        )
    ]


def test_a_whole_file_has_its_own_hash() -> None:
    reader, file = watched()
    with file.open_bytes() as stream:
        assert b"".join(stream) == CONTENT
    (read,) = reader.read()
    assert read.ranges == ((0, 1_024),)
    assert read.sha256 == sha256(CONTENT).hexdigest() == hash_ranges(file, ((0, 1_024),))


@given(st.lists(st.tuples(st.sampled_from(["read", "read1", "readline", "readinto"]), st.integers(0, 300))))
def test_however_it_is_read_the_bytes_are_right_and_all_are_noted(steps: list[tuple[str, int]]) -> None:
    reader, file = watched()
    plain = io.BytesIO(CONTENT)
    with file.open_bytes() as stream:
        for step, count in steps:
            if step == "readinto":
                mine, theirs = bytearray(count), bytearray(count)
                assert stream.readinto(mine) == plain.readinto(theirs)  # type: ignore[attr-defined]
                assert mine == theirs
            else:
                assert getattr(stream, step)(count) == getattr(plain, step)(count)
    end = plain.tell()
    assert visible_ids(reader) == [("a.bin", ((0, end),) if end else ())]


def test_what_is_read_ahead_is_noted_once_it_is_released() -> None:
    reader, file = watched()
    with file.open_bytes() as stream:
        stream.read(4)
        with reader.read_ahead() as held:
            stream.read(4)
            with reader.files("b.*")[0].open_bytes() as other:
                other.read()
        assert visible_ids(reader) == [("a.bin", ((0, 4),))]
        stream.seek(20)
        stream.read(1)
        held.release()
        assert visible_ids(reader) == [("a.bin", ((0, 8), (20, 21))), ("b.bin", ((0, 1),))]
        held.release()
    assert reader.bytes_read == 10
