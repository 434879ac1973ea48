from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import OfflineError, SourceError
from calibset.storage import cached_file as module
from calibset.storage.cache import Cache, CachedFile, CachedFileInfo
from calibset.storage.cached_file import Checksum, RemoteFile, open_cached_file

CONTENT = random.Random(0).randbytes(1_000)


@dataclass
class Server:
    """Holds a file in memory and records what is asked of it."""

    content: bytes = CONTENT
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        return self.content[start:end]


@pytest.fixture
def cached_file(cache: Cache) -> CachedFile:
    return new_cached_file(cache)


def new_cached_file(cache: Cache) -> CachedFile:
    return cache.cached_file(
        "u", CachedFileInfo(location="https://x.org/a", name="a", version="1", size=len(CONTENT))
    )


def remote(cached_file: CachedFile, fetch: Callable[[int, int], bytes], **more: object) -> RemoteFile:
    return RemoteFile(cached_file=cached_file, size=len(CONTENT), fetch=fetch, **more)  # type: ignore[arg-type]


def test_a_small_file_is_fetched_whole_when_it_is_read(cached_file: CachedFile) -> None:
    server = Server()
    with open_cached_file(remote(cached_file, server)) as stream:
        assert server.asked == []
        stream.seek(500)
        assert stream.read(1) == CONTENT[500:501]
        assert server.asked == [(0, 1_000)]
        stream.seek(0)
        assert stream.read() == CONTENT
    assert server.asked == [(0, 1_000)]


def test_a_large_file_is_fetched_ahead_of_its_reader(
    cached_file: CachedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WHOLE_SIZE", 100)
    monkeypatch.setattr(module, "FETCH_SIZE", 300)
    server = Server()
    with open_cached_file(remote(cached_file, server)) as stream:
        assert stream.read(1) == CONTENT[:1]
        assert stream.read() == CONTENT[1:]
    assert server.asked == [(0, 300), (300, 600), (600, 900), (900, 1_000)]


def test_of_ranges_nothing_more_is_fetched_than_asked_for(cached_file: CachedFile) -> None:
    server = Server()
    with open_cached_file(remote(cached_file, server), ranges=True) as stream:
        stream.seek(-10, io.SEEK_END)
        assert stream.read(10) == CONTENT[-10:]
        stream.seek(100)
        assert stream.read(50) == CONTENT[100:150]
        stream.seek(90)
        assert stream.read(100) == CONTENT[90:190]
        assert stream.tell() == 190
    assert server.asked == [(990, 1_000), (100, 150), (90, 100), (150, 190)]


def test_long_ranges_come_in_parts(cached_file: CachedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_SIZE", 300)
    server = Server()
    with open_cached_file(remote(cached_file, server), ranges=True) as stream:
        assert stream.read(700) == CONTENT[:700]
    assert server.asked == [(0, 300), (300, 600), (600, 700)]


@given(
    reads=st.lists(st.tuples(st.integers(0, 1_100), st.integers(0, 400)), max_size=20),
    piece=st.integers(50, 400),
    ranges=st.booleans(),
)
def test_any_reads_give_the_files_bytes_and_fetch_none_twice(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]], piece: int, ranges: bool
) -> None:
    server = Server()
    cached_file = new_cached_file(Cache(tmp_path_factory.mktemp("cache")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FETCH_SIZE", piece)
        patch.setattr(module, "_WHOLE_SIZE", 0)
        for start, count in reads:
            with open_cached_file(remote(cached_file, server), ranges=ranges) as stream:
                stream.seek(start)
                assert stream.read(count) == CONTENT[start : start + count]
    fetched = sorted(server.asked)
    assert all(end <= start for (_, end), (start, _) in pairwise(fetched))


def test_a_range_that_is_damaged_is_fetched_again(cached_file: CachedFile) -> None:
    server = Server()
    with open_cached_file(remote(cached_file, server), ranges=True) as stream:
        stream.read(500)
    (cached,) = cached_file.ranges()
    (cached_file.folder / cached.name).write_bytes(b"x" * 500)
    with open_cached_file(remote(cached_file, server), ranges=True) as stream:
        assert stream.read(1_000) == CONTENT
    assert server.asked == [(0, 500), (0, 1_000)]


def test_offline_nothing_is_fetched(cached_file: CachedFile) -> None:
    server = Server()
    with open_cached_file(remote(cached_file, server), ranges=True) as stream:
        stream.read(500)
    with open_cached_file(remote(cached_file, server, offline=True), ranges=True) as stream:
        assert stream.read(500) == CONTENT[:500]
        with pytest.raises(OfflineError) as caught:
            stream.read(1)
    assert str(caught.value) == (
        "https://x.org/a: a: the cache lacks a part of it that the build needs; build once without --offline"
    )
    assert server.asked == [(0, 500)]


@pytest.mark.parametrize(
    "checksum",
    [
        Checksum(sha256=sha256(CONTENT).hexdigest()),
        Checksum(git=sha1(b"blob 1000\0" + CONTENT).hexdigest()),
        Checksum(),
    ],
)
def test_what_the_server_announces_is_taken(cached_file: CachedFile, checksum: Checksum) -> None:
    with open_cached_file(remote(cached_file, Server(), checksum=checksum)) as stream:
        assert stream.read() == CONTENT


def test_what_it_does_not_announce_is_fetched_again(cached_file: CachedFile) -> None:
    server = Server(content=b"x" + CONTENT[1:])
    checksum = Checksum(sha256=sha256(CONTENT).hexdigest())

    def mended(start: int, end: int) -> bytes:
        came = server(start, end)
        server.content = CONTENT
        return came

    with open_cached_file(remote(cached_file, mended, checksum=checksum)) as stream:
        assert stream.read() == CONTENT
    assert server.asked == [(0, 1_000)] * 2


def test_what_stays_other_than_announced_is_an_error_and_not_cached(cached_file: CachedFile) -> None:
    server = Server()
    with (
        open_cached_file(remote(cached_file, server, checksum=Checksum(sha256="0" * 64))) as stream,
        pytest.raises(SourceError) as caught,
    ):
        stream.read()
    assert str(caught.value) == (
        "https://x.org/a: a: the contents don't match the checksum that the server gives; try again later"
    )
    assert server.asked == [(0, 1_000)] * 3
    assert cached_file.ranges() == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_was_read_in_parts_is_compared_once_it_is_whole(
    cached_file: CachedFile, monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    monkeypatch.setattr(module, "_WHOLE_SIZE", 0)
    monkeypatch.setattr(module, "FETCH_SIZE", 300)
    checksum = Checksum(sha256=sha256(CONTENT).hexdigest())
    with open_cached_file(remote(cached_file, Server(), checksum=checksum), ranges=ranges) as stream:
        assert stream.read() == CONTENT
    cached_file.clear()
    spoiled = Server(content=CONTENT[:-1] + b"?")
    with (
        open_cached_file(remote(cached_file, spoiled, checksum=checksum), ranges=ranges) as stream,
        pytest.raises(SourceError, match=r"^https://x\.org/a: a: the contents don't match the checksum"),
    ):
        stream.read(1_000)
    assert cached_file.ranges() == []
