from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import pytest

from calibset.core.errors import OfflineError, SourceError
from calibset.storage import cached_file
from calibset.storage.cache import Cache
from calibset.storage.files import File
from calibset.storage.https import UrlReader
from tests.storage.loopback import Fault, Loopback, refusing

BUSY = Fault(status=503)
LOCATION = "https://example.org/corpora/data.bin"
PATH = "/copy/data.bin"


@pytest.fixture
def content(loopback: Loopback) -> bytes:
    """Three megabytes that the server holds."""
    loopback.files[PATH] = random.Random(0).randbytes(3 * 2**20 + 17)
    return loopback.files[PATH]


def reader(loopback: Loopback, path: str = PATH, location: str = LOCATION) -> UrlReader:
    """Return a new reader, as a new build has it."""
    return UrlReader(location, loopback.address + path, Cache.default())


def folder(loopback: Loopback) -> UrlReader:
    return reader(loopback, "/f/", "https://example.org/f/")


def fetched(reader: UrlReader) -> bytes:
    (file,) = reader.files("*")
    return bytes_of(file)


def bytes_of(file: File) -> bytes:
    with file.open_bytes() as stream:
        return stream.read()


def test_a_file_is_fetched_whole_under_its_own_name(loopback: Loopback, content: bytes) -> None:
    url_reader = reader(loopback, location="https://example.org/corpora/own.json?download=a/b")
    assert url_reader.is_there()
    assert [file.name for file in url_reader.files("*.txt")] == ["own.json"]
    assert fetched(url_reader) == content


def test_a_download_can_be_read_twice_and_sought(loopback: Loopback, content: bytes) -> None:
    (file,) = reader(loopback).files()
    with file.open_bytes() as stream:
        stream.seek(-4, io.SEEK_END)
        assert stream.read() == content[-4:]
    with file.open_bytes() as stream:
        assert stream.read(4) == content[:4]


@pytest.mark.parametrize("status", [404, 410])
def test_what_the_server_does_not_have_is_not_there(loopback: Loopback, status: int) -> None:
    loopback.broken["/x"] = Fault(status=status, methods=("HEAD",))
    assert not reader(loopback, "/x").is_there()


def test_asking_whether_a_file_is_there_fetches_nothing(loopback: Loopback, content: bytes) -> None:
    assert reader(loopback).is_there()
    assert loopback.data_requests() == []


def test_a_server_that_knows_no_head_may_have_the_file(loopback: Loopback, content: bytes) -> None:
    loopback.broken[PATH] = Fault(status=405, methods=("HEAD",))
    assert reader(loopback).is_there()
    assert fetched(reader(loopback)) == content


def test_passing_refusals_are_overcome(loopback: Loopback, content: bytes, pauses: list[float]) -> None:
    loopback.faults[PATH] = [BUSY, Fault(status=429), Fault(status=502)]
    assert fetched(reader(loopback)) == content
    assert len(pauses) == 3
    assert all(0 <= pause <= 10 for pause in pauses)


def test_a_passing_refusal_of_head_is_overcome(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.faults[PATH] = [Fault(status=503, methods=("HEAD",))] * 2
    assert reader(loopback).is_there()
    assert len(pauses) == 2


def test_a_pause_that_the_server_asks_for_is_made(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    asked = ("7", "100000", "soon", "-3", "²")
    loopback.faults[PATH] = [Fault(status=503, headers={"Retry-After": pause}) for pause in asked]
    assert fetched(reader(loopback)) == content
    assert pauses[:2] == [7.0, 60.0]
    assert all(pause <= 10 for pause in pauses[2:])


def test_a_server_that_counts_requests_says_when_its_window_ends(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    said = ('"api";r=0;t=5', '"api";r=0;t=9999', '"api";r=12;t=100', "r=0")
    loopback.faults[PATH] = [Fault(status=429, headers={"RateLimit": limit}) for limit in said]
    assert fetched(reader(loopback)) == content
    assert pauses[:2] == [6.0, 310.0]
    assert all(pause <= 10 for pause in pauses[2:])


def test_a_size_of_0_in_the_head_is_not_believed(loopback: Loopback, content: bytes) -> None:
    loopback.broken[PATH] = Fault(also={"Content-Length": "0"}, methods=("HEAD",))
    (file,) = reader(loopback).files()
    assert file.size is None
    assert bytes_of(file) == content


def test_a_broken_download_goes_on_where_it_stopped(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.faults[PATH] = [Fault(stop_after=1_000_000), BUSY, Fault(stop_after=1_000_000)]
    assert fetched(reader(loopback)) == content
    first, second, third = (int(asked.removeprefix("bytes=").partition("-")[0]) for asked in loopback.ranges)
    assert first == 0
    assert 900_000 < second <= 1_000_000
    assert 900_000 < third - second <= 1_000_000


def test_a_large_file_comes_in_pieces_as_it_is_read(
    loopback: Loopback, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_file, "_WHOLE_SIZE", 2**20)
    monkeypatch.setattr(cached_file, "FETCH_SIZE", 2**20)
    (file,) = reader(loopback).files()
    with file.open_bytes() as stream:
        assert stream.read(10) == content[:10]
        assert loopback.ranges == ["bytes=0-1048575"]
        assert stream.read() == content[10:]
    assert loopback.ranges[1:] == ["bytes=1048576-2097151", "bytes=2097152-3145727", "bytes=3145728-3145744"]


@pytest.mark.parametrize("tells", [True, False])
def test_a_server_that_knows_no_ranges_sends_it_again(
    loopback: Loopback, content: bytes, pauses: list[float], tells: bool
) -> None:
    loopback.ignores_ranges = True
    if tells:
        loopback.broken[PATH] = Fault(left_out="Accept-Ranges", methods=("HEAD",))
    loopback.faults[PATH] = [Fault(stop_after=1_000_000), Fault(stop_after=2_000_000)]
    assert fetched(reader(loopback)) == content


def test_a_file_that_was_replaced_meanwhile_is_a_clear_error(
    loopback: Loopback, content: bytes, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.faults[PATH] = [Fault(stop_after=1_000_000)]

    def replaced_meanwhile(_: float) -> None:
        loopback.files[PATH] = b"new" * 1_000_000

    monkeypatch.setattr("tenacity.nap.time.sleep", replaced_meanwhile)
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == f"{LOCATION}: the file was replaced while it was read; start again"
    assert fetched(reader(loopback)) == b"new" * 1_000_000


def test_a_file_is_fetched_once(loopback: Loopback, content: bytes) -> None:
    assert fetched(reader(loopback)) == fetched(reader(loopback)) == content
    assert len(loopback.data_requests()) == 1


def test_a_new_version_is_fetched_again(loopback: Loopback, content: bytes) -> None:
    assert fetched(reader(loopback)) == content
    loopback.files[PATH] = b"new"
    assert fetched(reader(loopback)) == b"new"


@pytest.mark.parametrize("left_out", ["Accept-Ranges", "Content-Length"])
def test_a_file_that_only_comes_whole_is_fetched_once(
    loopback: Loopback, content: bytes, left_out: str
) -> None:
    loopback.broken[PATH] = Fault(left_out=left_out, methods=("HEAD",))
    assert fetched(reader(loopback)) == fetched(reader(loopback)) == content
    assert loopback.ranges == []
    assert len(loopback.data_requests()) == 1


def test_a_file_whose_version_nobody_knows_is_fetched_each_time(loopback: Loopback, content: bytes) -> None:
    loopback.broken[PATH] = Fault(left_out="ETag", methods=("GET", "HEAD"))
    assert fetched(reader(loopback)) == content
    loopback.files[PATH] = content[::-1]
    assert fetched(reader(loopback)) == content[::-1]


def test_what_was_read_is_there_offline(loopback: Loopback, content: bytes) -> None:
    loopback.files["/f/a.json"] = b"{}"
    assert fetched(reader(loopback)) == content
    assert bytes_of(folder(loopback).files("a.json")[0]) == b"{}"
    before = list(loopback.asked)
    offline = Cache.default(offline=True)
    assert replace(reader(loopback), cache=offline).is_there()
    assert fetched(replace(reader(loopback), cache=offline)) == content
    assert bytes_of(replace(folder(loopback), cache=offline).files("a.json")[0]) == b"{}"
    assert loopback.asked == before


def test_what_was_not_read_is_named_offline(loopback: Loopback, content: bytes) -> None:
    offline = replace(reader(loopback), cache=Cache.default(offline=True))
    with pytest.raises(OfflineError) as caught:
        offline.is_there()
    assert str(caught.value) == f"{LOCATION}: not in the cache"
    assert loopback.asked == []


def test_a_download_that_never_comes_whole_is_one_clear_error(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.broken[PATH] = Fault(stop_after=1_000)
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == (
        f"{LOCATION}: the download keeps breaking off; try again later, or use --mirror"
    )
    assert len(pauses) == 7


@pytest.mark.parametrize(
    ("status", "message", "tries"),
    [
        (404, "the server has no such file; check the URL", 1),
        (403, "the server answers 403 and wants a login; fetch the file by hand", 1),
        (400, "the server answers 400; try again later", 1),
        (503, "the server answers 503; try again later", 8),
    ],
)
def test_a_lasting_refusal_is_one_clear_error(
    loopback: Loopback, content: bytes, pauses: list[float], status: int, message: str, tries: int
) -> None:
    loopback.broken[PATH] = Fault(status=status)
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == f"{LOCATION}: {message}"
    assert len(loopback.data_requests()) == tries


def test_an_address_where_nobody_listens_fails_at_once(loopback: Loopback, pauses: list[float]) -> None:
    url_reader = UrlReader(LOCATION, refusing() + PATH, Cache.default())
    message = (
        f"{LOCATION}: can't be reached (ConnectionError); check the network, or name a mirror with --mirror"
    )
    with pytest.raises(SourceError) as caught:
        url_reader.is_there()
    assert str(caught.value) == message
    with pytest.raises(SourceError) as caught:
        fetched(url_reader)
    assert str(caught.value) == message
    assert pauses == []


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://a b/c", "https://\N{SNOWMAN}..x/"])
def test_an_impossible_url_is_a_clear_error(url: str) -> None:
    with pytest.raises(SourceError, match=r"^https://x\.org/f: can't be reached \("):
        UrlReader("https://x.org/f", url + "f", Cache.default()).is_there()


def test_a_cache_that_can_not_be_written_is_a_clear_error(
    loopback: Loopback, content: bytes, cache: Cache
) -> None:
    cache.folder.write_text("in the way")
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == (
        f"{cache.folder / 'said'}: can't be written to the cache: Not a directory; "
        "set CALIBSET_CACHE to another folder"
    )


def test_of_a_folder_the_named_files_are_fetched(loopback: Loopback) -> None:
    loopback.files = {"/f/b 1%.json": b"1", "/f/sub/a#.json": b"2"}
    assert folder(loopback).is_there()
    files = folder(loopback).files("sub/a#.json", "b 1%.json", "sub/a#.json")
    assert [(file.name, bytes_of(file)) for file in files] == [
        ("b 1%.json", b"1"),
        ("sub/a#.json", b"2"),
    ]


def test_a_missing_file_of_a_folder_is_named(loopback: Loopback) -> None:
    (file,) = folder(loopback).files("a.json")
    with pytest.raises(SourceError) as caught:
        bytes_of(file)
    assert str(caught.value) == "https://example.org/f/a.json: the server has no such file; check the URL"


def test_a_folder_can_not_be_searched(loopback: Loopback) -> None:
    with pytest.raises(SourceError) as caught:
        folder(loopback).files("a.json", "*.txt", "b?.txt")
    assert str(caught.value) == (
        "https://example.org/f/: https lists no files, so *.txt, b?.txt can't be looked up; "
        "name each file with files = [...]"
    )


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", ".."])
def test_a_name_can_not_lead_out_of_a_folder(loopback: Loopback, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        folder(loopback).files(name)
    assert str(caught.value) == f"https://example.org/f/: {name} would lead out of the folder"
    assert loopback.asked == []


def test_a_spelled_out_dot_is_no_way_out(loopback: Loopback) -> None:
    loopback.files["/secret"] = b"secret"
    (file,) = folder(loopback).files("%2e%2e/secret")
    with pytest.raises(SourceError, match="no such file"):
        bytes_of(file)


def test_a_server_that_only_tells_when_a_file_was_modified_is_read(
    loopback: Loopback, content: bytes
) -> None:
    loopback.broken[PATH] = Fault(
        left_out="ETag", also={"Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"}, methods=("GET", "HEAD")
    )
    assert fetched(reader(loopback)) == fetched(reader(loopback)) == content
    assert len(loopback.data_requests()) == 1


def test_other_bytes_than_were_asked_for_are_asked_for_again(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.faults[PATH] = [Fault(also={"Content-Range": "bytes 4096-8191/10000"})]
    assert fetched(reader(loopback)) == content
    assert len(loopback.data_requests()) == 2


def test_a_page_in_place_of_the_file_is_not_taken_for_it(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.broken[PATH] = Fault(status=200, headers={"Content-Type": "text/html"})
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == (
        f"{LOCATION}: the download keeps breaking off; try again later, or use --mirror"
    )
    loopback.broken.clear()
    assert fetched(reader(loopback)) == content


def test_a_login_for_git_is_not_sent(
    loopback: Loopback, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert fetched(reader(loopback)) == content
    assert loopback.logins == []


def test_of_a_file_that_only_comes_whole_a_plan_spoils_nothing_offline(
    loopback: Loopback, content: bytes
) -> None:
    loopback.broken[PATH] = Fault(left_out="Accept-Ranges", methods=("HEAD",))
    offline = Cache.default(offline=True)
    reader(loopback).files()
    with pytest.raises(OfflineError) as caught:
        fetched(replace(reader(loopback), cache=offline))
    assert str(caught.value) == f"{LOCATION}: not in the cache"
    assert loopback.data_requests() == []
    assert fetched(reader(loopback)) == content
    reader(loopback).files()
    assert fetched(replace(reader(loopback), cache=offline)) == content
    assert len(loopback.data_requests()) == 1


@pytest.mark.parametrize(
    ("told", "content", "name"),
    [
        ({"Content-Type": "text/csv; charset=utf-8"}, b"text\nA row.\n", "download.csv"),
        ({"Content-Disposition": 'attachment; filename="a.jsonl.gz"'}, b"\x1f\x8b\x08", "a.jsonl.gz"),
        ({"Content-Disposition": "attachment; filename*=UTF-8''%C3%BAvery.csv"}, b"text\n", "úvery.csv"),
        ({"Content-Disposition": 'attachment; filename="../../etc/b.txt"'}, b"text", "b.txt"),
        ({"Content-Disposition": 'attachment; filename="C:\\\\x\\\\b.csv"'}, b"text", "b.csv"),
        ({"Content-Disposition": "inline", "Content-Type": "application/x-ndjson"}, b"{}", "download.jsonl"),
        ({"Content-Type": "application/octet-stream"}, b"text", "download"),
        ({"Content-Type": "text/csv"}, b"PAR1\x15", "download.csv.parquet"),
        ({"Content-Type": "application/octet-stream"}, b"ARROW1", "download.arrow"),
        ({"Content-Disposition": 'attachment; filename="a.parquet"'}, b"PAR1\x15", "a.parquet"),
        ({"Content-Disposition": 'attachment; filename="a.parquet"'}, b"a,b\n", "download"),
        ({"Content-Type": "application/vnd.apache.parquet"}, b"a,b\n", "download"),
    ],
)
def test_a_url_that_tells_nothing_is_called_as_the_server_calls_it(
    told: dict[str, str], content: bytes, name: str, loopback: Loopback
) -> None:
    loopback.files["/download"] = content
    loopback.broken["/download"] = Fault(also=told, methods=("HEAD",))
    (file,) = reader(loopback, "/download?id=5", "https://example.org/download?id=5").files("*.txt")
    assert file.name == name
    assert bytes_of(file) == content


def test_a_url_that_tells_what_it_is_keeps_its_name(loopback: Loopback) -> None:
    loopback.files["/f/rows.csv"] = b"text\n"
    told = {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="b.jsonl"'}
    loopback.broken["/f/rows.csv"] = Fault(also=told, methods=("HEAD",))
    (file,) = reader(loopback, "/f/rows.csv", "https://example.org/f/rows.csv").files()
    assert file.name == "rows.csv"
    (file,) = folder(loopback).files("rows.csv")
    assert file.name == "rows.csv"


def test_what_a_server_told_is_known_offline(loopback: Loopback) -> None:
    loopback.files["/download"] = b"text\nA row.\n"
    loopback.broken["/download"] = Fault(also={"Content-Type": "text/csv"}, methods=("HEAD",))
    online = reader(loopback, "/download?id=5")
    assert fetched(online) == b"text\nA row.\n"
    offline = replace(online, cache=Cache.default(offline=True))
    (file,) = offline.files()
    assert (file.name, bytes_of(file)) == ("data.bin.csv", b"text\nA row.\n")


@pytest.mark.parametrize(
    ("status", "target", "reason"),
    [
        (302, "http://[::1", "the server leads to what is no URL"),
        (302, "http://127.0.0.1:99999/x", "the server leads to what is no URL"),
        (302, "http://127.0.0.1:abc/x", "the server leads to what is no URL"),
        (302, "http://\xe9.\xe9/", "the server leads to what is no URL"),
        (302, "", "the server answers 302 and leads nowhere"),
        (300, "", "the server answers 300 and leads nowhere"),
    ],
)
def test_a_server_that_leads_to_no_url_is_told(
    loopback: Loopback, status: int, target: str, reason: str
) -> None:
    loopback.broken[PATH] = Fault(status=status, headers={"Location": target}, methods=("GET", "HEAD"))
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == f"{LOCATION}: {reason}; fetch the file by hand"
