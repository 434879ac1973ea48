from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from calibset.core.errors import SourceError
from calibset.storage.cache import Cache, CachedFile, CachedFileInfo, CachedLocation, default_cache_folder

URL = "https://x.org/a"


class Fact(BaseModel):
    """What a server may tell."""

    text: str


def info(name: str = "a.bin", location: str = "https://x.org/") -> CachedFileInfo:
    return CachedFileInfo(location=location, name=name, version="1", size=10)


@pytest.fixture
def cached_file(cache: Cache) -> CachedFile:
    return cache.cached_file(URL, info())


def contents(cached_file: CachedFile) -> list[tuple[int, bytes | None]]:
    return [(cached.start, cached_file.content(cached)) for cached in cached_file.ranges()]


def test_ranges_are_there_for_the_next_build(cache: Cache, cached_file: CachedFile) -> None:
    cached_file.put(5, b"world")
    cached_file.put(0, b"hello")
    assert contents(cache.cached_file(URL, info())) == [(0, b"hello"), (5, b"world")]


def test_another_version_or_name_or_url_has_a_folder_of_its_own(
    cache: Cache, cached_file: CachedFile
) -> None:
    cached_file.put(0, b"hello")
    for other in ({"version": "2"}, {"name": "b.bin"}):
        assert contents(cache.cached_file(URL, info().model_copy(update=other))) == []
    assert contents(cache.cached_file("https://y.org/a", info())) == []


def test_a_login_in_a_mirrors_url_is_written_nowhere(cache: Cache) -> None:
    cache.cached_file("https://me:secret@mirror.org/", info()).put(0, b"hello")
    cache.save_fact(Fact(text="yes"), "https://me:secret@mirror.org/")
    paths = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert len(paths) == 3
    assert not any(b"secret" in path.read_bytes() or "secret" in str(path) for path in paths)


def test_a_name_can_not_lead_out_of_the_cache(cache: Cache) -> None:
    cached_file = cache.cached_file(URL, info("../../../etc"))
    cached_file.put(0, b"x")
    assert cached_file.folder.resolve().parent == cache.folder.resolve() / "files"


def test_a_damaged_range_counts_as_missing(cached_file: CachedFile) -> None:
    cached = cached_file.put(0, b"hello")
    (cached_file.folder / cached.name).write_bytes(b"hellO")
    assert cached_file.content(cached) is None
    assert cached_file.ranges() == []
    assert list(cached_file.folder.iterdir()) == [cached_file.folder / "about.json"]
    assert cached_file.content(cached) is None


def test_what_a_killed_build_left_half_written_is_passed_over(cached_file: CachedFile) -> None:
    cached_file.put(0, b"hello")
    (cached_file.folder / ".tmpabc").write_bytes(b"wor")
    (cached_file.folder / "1-x-y").write_bytes(b"wor")
    assert contents(cached_file) == [(0, b"hello")]


def test_builds_may_write_the_same_range_at_once(cached_file: CachedFile) -> None:
    content = b"x" * 100_000
    threads = [threading.Thread(target=cached_file.put, args=(0, content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(cached_file) == [(0, content)]
    assert sorted(path.name[0] for path in cached_file.folder.iterdir()) == ["0", "a"]


def test_facts_are_stored_by_key(cache: Cache) -> None:
    cache.save_fact(Fact(text="yes"), "x", "y")
    assert cache.load_fact(Fact, "x", "y") == Fact(text="yes")
    assert cache.load_fact(Fact, "xy") is None
    assert cache.load_fact(CachedFileInfo, "x", "y") is None


def test_a_fact_in_another_form_is_passed_over(cache: Cache) -> None:
    cache.save_fact(Fact(text="yes"), "x")
    for path in (cache.folder / "said").iterdir():
        path.write_text("{}")
    assert cache.load_fact(Fact, "x") is None


def test_the_cache_says_what_it_holds_of_each_location(cache: Cache) -> None:
    assert list(cache.locations()) == []
    for name, location in [("a", "https://x.org/"), ("b", "https://x.org/"), ("a", "hf://datasets/a/b")]:
        cached_file = cache.cached_file(location, info(name, location))
        cached_file.put(0, b"hello")
        cached_file.put(3, b"lo world")
    assert list(cache.locations()) == [
        CachedLocation(location="hf://datasets/a/b", files=1, size=11),
        CachedLocation(location="https://x.org/", files=2, size=22),
    ]


def test_the_cache_says_how_much_else_it_holds(cache: Cache) -> None:
    assert cache.measure_rest() == 0
    cache.keep(b"computed", "vocabulary", "a")
    cache.cached_file("https://x.org/", info()).put(0, b"hello")
    (cache.folder / "models" / "snapshots").mkdir(parents=True)
    (cache.folder / "models" / "tokenizer.json").write_bytes(b"{}")
    assert cache.measure_rest() == len(b"computed") + len(b"{}")


def test_a_file_cached_by_an_earlier_version_is_read_on(cache: Cache) -> None:
    earlier = cache.cached_file(URL, info())
    earlier.put(0, b"hello")
    description = {"place": "https://x.org/", "name": "a.bin", "version": "1", "size": 10}
    (earlier.folder / "about.json").write_text(json.dumps(description))
    cached_file = cache.cached_file(URL, info())
    assert contents(cached_file) == [(0, b"hello")]
    cached_file.put(5, b"world")
    assert contents(cache.cached_file(URL, info())) == [(0, b"hello"), (5, b"world")]
    assert list(cache.locations()) == [CachedLocation(location="https://x.org/", files=1, size=10)]


def test_clearing_removes_all_of_it_and_nothing_else(cache: Cache, cached_file: CachedFile) -> None:
    cache.clear()
    cached_file.put(0, b"hello")
    cache.save_fact(Fact(text="yes"), "x")
    (cache.folder / "own.txt").write_text("kept")
    cache.clear()
    assert [path.name for path in cache.folder.iterdir()] == ["own.txt"]
    assert cache.load_fact(Fact, "x") is None
    cached_file.put(0, b"hello")
    assert contents(cached_file) == [(0, b"hello")]


def test_a_folder_that_goes_while_something_is_written_is_made_again(
    cached_file: CachedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir
    calls = []

    def gone_once(self: Path, *words: object, **options: object) -> None:
        calls.append(self)
        if len(calls) > 1:
            made(self, parents=True, exist_ok=True)

    monkeypatch.setattr(Path, "mkdir", gone_once)
    cached_file.put(0, b"hello")
    assert contents(cached_file) == [(0, b"hello")]


def test_a_full_disk_is_a_clear_error(
    cache: Cache, cached_file: CachedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calibset.storage.cache.tempfile.NamedTemporaryFile", full)
    with pytest.raises(SourceError) as caught:
        cached_file.put(0, b"hello")
    assert str(caught.value) == (
        f"{cached_file.folder}: can't be written to the cache: No space left on device; "
        "set CALIBSET_CACHE to another folder"
    )


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALIBSET_CACHE", "/some/cache")
    monkeypatch.setenv("HF_HOME", "/some/hf")
    assert default_cache_folder() == Path("/some/cache")
    monkeypatch.setenv("CALIBSET_CACHE", "")
    assert default_cache_folder() == Path("/some/hf/calibset")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/xdg")
    assert default_cache_folder().name in ("calibset", "Cache")


@pytest.mark.parametrize("name", ["CALIBSET_CACHE", "HF_HOME"])
def test_a_home_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("CALIBSET_CACHE", raising=False)
    monkeypatch.setenv(name, "~no-such-user/cache")
    with pytest.raises(SourceError, match=rf"^{name}=~no-such-user/cache: there is no such home folder$"):
        default_cache_folder()


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_hubs_offline_switch_counts(monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert Cache.default().offline is offline
    assert Cache.default(offline=True).offline
