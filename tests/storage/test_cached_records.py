from __future__ import annotations

from collections.abc import Iterator

import pytest

from calibset.core.documents import Document, Rejection
from calibset.core.errors import OfflineError
from calibset.storage import cached_records as module
from calibset.storage.cache import Cache, CachedFile, CachedFileInfo
from calibset.storage.cached_records import Row, read_cached_records

ROWS: list[Row] = [
    Rejection(position="train#7", reason="empty text", excerpt="ž")
    if number == 7
    else Document(id=f"train#{number}", text=f"č {number}", metadata={"n": str(number)})
    for number in range(25)
]


class Stream:
    """Gives the rows behind so many, and notes what was taken of it."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.taken = 0

    def __call__(self, first: int) -> Iterator[Row]:
        self.begun.append(first)
        for row in ROWS[first:]:
            self.taken += 1
            yield row


@pytest.fixture
def cached_file(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> CachedFile:
    monkeypatch.setattr(module, "_CHUNK", 10)
    return cache.cached_file(
        "u", CachedFileInfo(location="hf://datasets/a/b", name="train", version="1", size=None)
    )


def taken(rows: Iterator[Row], count: int) -> list[Row]:
    return [next(rows) for _ in range(count)]


def test_a_stream_is_read_once(cached_file: CachedFile) -> None:
    stream = Stream()
    assert list(read_cached_records(cached_file, stream, offline=False)) == ROWS
    assert list(read_cached_records(cached_file, stream, offline=False)) == ROWS
    assert list(read_cached_records(cached_file, stream, offline=True)) == ROWS
    assert (stream.begun, stream.taken) == ([0], 25)


def test_no_more_is_read_than_is_asked_for_and_the_next_build_goes_on_behind_it(
    cached_file: CachedFile,
) -> None:
    stream = Stream()
    assert taken(read_cached_records(cached_file, stream, offline=False), 10) == ROWS[:10]
    assert (stream.begun, stream.taken) == ([0], 10)
    assert taken(read_cached_records(cached_file, stream, offline=False), 11) == ROWS[:11]
    assert (stream.begun, stream.taken) == ([0, 10], 20)


def test_offline_the_end_of_what_is_kept_is_an_error(cached_file: CachedFile) -> None:
    taken(read_cached_records(cached_file, Stream(), offline=False), 10)
    rows = read_cached_records(cached_file, Stream(), offline=True)
    assert taken(rows, 10) == ROWS[:10]
    with pytest.raises(OfflineError) as caught:
        next(rows)
    assert str(caught.value) == "hf://datasets/a/b: train: rows from 10 on are not in the cache"


@pytest.mark.parametrize("spoiled", [b"{}", b""])
def test_what_is_damaged_is_read_again(cached_file: CachedFile, spoiled: bytes) -> None:
    list(read_cached_records(cached_file, Stream(), offline=False))
    second = cached_file.pieces()[1]
    (cached_file.folder / second.name).write_bytes(spoiled)
    stream = Stream()
    assert list(read_cached_records(cached_file, stream, offline=False)) == ROWS
    assert stream.begun == [10]


def test_an_empty_stream_stays_empty(cached_file: CachedFile) -> None:
    assert list(read_cached_records(cached_file, lambda _: iter(()), offline=False)) == []
    assert list(read_cached_records(cached_file, Stream(), offline=True)) == []
