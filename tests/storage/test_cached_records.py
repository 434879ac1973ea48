from __future__ import annotations

from collections.abc import Iterator

import pytest

from calibset.core.documents import (
    Conversation,
    Document,
    Filtered,
    Message,
    Record,
    Rejection,
    Tool,
    ToolCall,
)
from calibset.core.errors import OfflineError
from calibset.storage import cached_records as module
from calibset.storage.cache import Cache, CachedFile, CachedFileInfo
from calibset.storage.cached_records import read_cached_records

OTHERS: dict[int, Record] = {
    6: Filtered(position="train#6", reason="empty text"),
    7: Rejection(position="train#7", reason="no column 'text'", excerpt="ž"),
    8: Conversation(
        id="train#8",
        messages=(
            Message(role="user", content="Is hail covered?"),
            Message(
                role="assistant", content="", tool_calls=(ToolCall(id="call_0", name="look", arguments="{}"),)
            ),
        ),
        tools=(Tool(name="look", description="", parameters="{}"),),
        metadata={"n": "8"},
        repairs=("not quite JSON",),
        absent_columns=("s",),
    ),
}
RECORDS: list[Record] = [
    OTHERS[number]
    if number in OTHERS
    else Document(id=f"train#{number}", text=f"č {number}", metadata={"n": str(number)})
    for number in range(25)
]


class Stream:
    """Gives the records behind so many, and counts what was taken of it."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.taken = 0

    def __call__(self, first: int) -> Iterator[Record]:
        self.begun.append(first)
        for record in RECORDS[first:]:
            self.taken += 1
            yield record


@pytest.fixture
def cached_file(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> CachedFile:
    monkeypatch.setattr(module, "_CHUNK", 10)
    return cache.cached_file(
        "u", CachedFileInfo(location="hf://datasets/a/b", name="train", version="1", size=None)
    )


def taken(records: Iterator[Record], count: int) -> list[Record]:
    return [next(records) for _ in range(count)]


def test_a_stream_is_read_once(cached_file: CachedFile) -> None:
    stream = Stream()
    assert list(read_cached_records(cached_file, stream, offline=False)) == RECORDS
    assert list(read_cached_records(cached_file, stream, offline=False)) == RECORDS
    assert list(read_cached_records(cached_file, stream, offline=True)) == RECORDS
    assert (stream.begun, stream.taken) == ([0], 25)


def test_no_more_is_read_than_is_asked_for_and_the_next_build_goes_on_behind_it(
    cached_file: CachedFile,
) -> None:
    stream = Stream()
    assert taken(read_cached_records(cached_file, stream, offline=False), 10) == RECORDS[:10]
    assert (stream.begun, stream.taken) == ([0], 10)
    assert taken(read_cached_records(cached_file, stream, offline=False), 11) == RECORDS[:11]
    assert (stream.begun, stream.taken) == ([0, 10], 20)


def test_offline_the_end_of_what_is_cached_is_an_error(cached_file: CachedFile) -> None:
    taken(read_cached_records(cached_file, Stream(), offline=False), 10)
    records = read_cached_records(cached_file, Stream(), offline=True)
    assert taken(records, 10) == RECORDS[:10]
    with pytest.raises(OfflineError) as caught:
        next(records)
    assert str(caught.value) == "hf://datasets/a/b: train: rows from 10 on are not in the cache"


@pytest.mark.parametrize("spoiled", [b"{}", b""])
def test_what_is_damaged_is_read_again(cached_file: CachedFile, spoiled: bytes) -> None:
    list(read_cached_records(cached_file, Stream(), offline=False))
    second = cached_file.ranges()[1]
    (cached_file.folder / second.name).write_bytes(spoiled)
    stream = Stream()
    assert list(read_cached_records(cached_file, stream, offline=False)) == RECORDS
    assert stream.begun == [10]


def test_what_an_earlier_version_wrote_is_read_anew_from_there_on(cached_file: CachedFile) -> None:
    # Chunks of ten records; of the first, a rejection had another key.
    list(read_cached_records(cached_file, Stream(), offline=False))
    chunks = [cached_file.content(cached) or b"" for cached in cached_file.ranges()]
    cached_file.clear()
    start = 0
    for chunk in (chunks[1], chunks[0].replace(b'"position"', b'"place"'), chunks[2]):
        start = cached_file.put(start, chunk).end
    stream = Stream()
    assert list(read_cached_records(cached_file, stream, offline=False)) == RECORDS[10:20] + RECORDS[10:]
    assert stream.begun == [10]
    assert len(cached_file.ranges()) == 3
    assert list(read_cached_records(cached_file, stream, offline=True)) == RECORDS[10:20] + RECORDS[10:]
    assert stream.begun == [10]


def test_a_cache_of_an_earlier_version_is_no_cache_offline(cached_file: CachedFile) -> None:
    cached_file.put(0, b'{"rows":[{"place":"train#7","reason":"empty text","excerpt":""}],"last":true}')
    with pytest.raises(OfflineError, match="rows from 0 on are not in the cache"):
        list(read_cached_records(cached_file, Stream(), offline=True))
    assert list(read_cached_records(cached_file, Stream(), offline=False)) == RECORDS
    assert list(read_cached_records(cached_file, Stream(), offline=True)) == RECORDS


def test_an_empty_stream_stays_empty(cached_file: CachedFile) -> None:
    assert list(read_cached_records(cached_file, lambda _: iter(()), offline=False)) == []
    assert list(read_cached_records(cached_file, Stream(), offline=True)) == []
