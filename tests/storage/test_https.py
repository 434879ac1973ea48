from __future__ import annotations

import errno
import io
import random
import time
from pathlib import Path

import pytest

from calibset.errors import SourceError
from calibset.storage import https
from calibset.storage.files import File
from calibset.storage.https import UrlReader
from tests.storage.loopback import Fault, Loopback, refusing

BUSY = Fault(status=503)
PLACE = "https://example.org/corpora/data.bin"
PATH = "/copy/data.bin"


@pytest.fixture
def content(loopback: Loopback) -> bytes:
    """Three megabytes that the server holds."""
    loopback.files[PATH] = random.Random(0).randbytes(3 * 2**20 + 17)
    return loopback.files[PATH]


def reader(loopback: Loopback, path: str = PATH, place: str = PLACE) -> UrlReader:
    return UrlReader(place, loopback.address + path)


def fetched(reader: UrlReader) -> bytes:
    (file,) = reader.files("*")
    return bytes_of(file)


def bytes_of(file: File) -> bytes:
    with file.open_bytes() as stream:
        return stream.read()


def test_a_file_is_fetched_whole_under_its_own_name(loopback: Loopback, content: bytes) -> None:
    found = reader(loopback, place="https://example.org/corpora/own.json?download=a/b")
    assert found.is_there()
    assert [file.name for file in found.files("*.txt")] == ["own.json"]
    assert fetched(found) == content


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


def test_a_pause_that_the_server_asks_for_is_kept(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    asked = ("7", "100000", "soon", "-3", "²")
    loopback.faults[PATH] = [Fault(status=503, headers={"Retry-After": pause}) for pause in asked]
    assert fetched(reader(loopback)) == content
    assert pauses[:2] == [7.0, 60.0]
    assert all(pause <= 10 for pause in pauses[2:])


def test_a_broken_download_goes_on_where_it_stopped(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.faults[PATH] = [Fault(stop_after=1_000_000), BUSY, Fault(stop_after=1_000_000)]
    assert fetched(reader(loopback)) == content
    first, second = (int(asked.removeprefix("bytes=").removesuffix("-")) for asked in loopback.ranges)
    assert 900_000 < first <= 1_000_000
    assert 900_000 < second - first <= 1_000_000


def test_a_server_that_knows_no_ranges_sends_it_again(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.ignores_ranges = True
    loopback.faults[PATH] = [Fault(stop_after=1_000_000), Fault(stop_after=2_000_000)]
    assert fetched(reader(loopback)) == content


def test_two_versions_of_a_file_are_never_mixed(
    loopback: Loopback, content: bytes, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.faults[PATH] = [Fault(stop_after=1_000_000)]

    def replaced_meanwhile(_: float) -> None:
        loopback.files[PATH] = b"new" * 1_000_000

    monkeypatch.setattr("tenacity.nap.time.sleep", replaced_meanwhile)
    assert fetched(reader(loopback)) == b"new" * 1_000_000


def test_a_download_that_never_comes_whole_is_one_clear_error(
    loopback: Loopback, content: bytes, pauses: list[float]
) -> None:
    loopback.broken[PATH] = Fault(stop_after=1_000)
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == (
        f"{PLACE}: the download breaks off again and again; try again later, or use --mirror"
    )
    assert len(pauses) == 7


@pytest.mark.parametrize(
    ("status", "says", "tries"),
    [
        (404, "the server has no such file; check the URL", 1),
        (403, "the server answers 403 and wants a login; fetch the file by hand", 1),
        (400, "the server answers 400; try again later", 1),
        (503, "the server answers 503; try again later", 8),
    ],
)
def test_a_lasting_refusal_is_one_clear_error(
    loopback: Loopback, content: bytes, pauses: list[float], status: int, says: str, tries: int
) -> None:
    loopback.broken[PATH] = Fault(status=status)
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == f"{PLACE}: {says}"
    assert len(loopback.asked) == tries


def test_an_address_where_nobody_listens_fails_at_once(loopback: Loopback) -> None:
    begun = time.monotonic()
    found = UrlReader(PLACE, refusing() + PATH)
    says = f"{PLACE}: can't be reached (ConnectionError); check the network, or name a mirror with --mirror"
    with pytest.raises(SourceError) as caught:
        found.is_there()
    assert str(caught.value) == says
    with pytest.raises(SourceError) as caught:
        fetched(found)
    assert str(caught.value) == says
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://a b/c", "https://\N{SNOWMAN}..x/"])
def test_an_impossible_url_is_a_clear_error(url: str) -> None:
    with pytest.raises(SourceError, match=r"^https://x\.org/f: can't be reached \("):
        UrlReader("https://x.org/f", url + "f").is_there()


def test_a_full_disk_is_a_clear_error(
    loopback: Loopback, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("calibset.storage.https.tempfile.SpooledTemporaryFile", lambda **_: Full())
    with pytest.raises(SourceError) as caught:
        fetched(reader(loopback))
    assert str(caught.value) == f"{PLACE}: can't be kept in a temporary file: No space left on device"


def test_of_a_folder_the_named_files_are_fetched(loopback: Loopback) -> None:
    loopback.files = {"/f/b 1%.json": b"1", "/f/sub/a#.json": b"2"}
    folder = UrlReader("https://example.org/f/", loopback.address + "/f/")
    assert folder.is_there()
    files = folder.files("sub/a#.json", "b 1%.json", "sub/a#.json")
    assert [(file.name, bytes_of(file)) for file in files] == [
        ("b 1%.json", b"1"),
        ("sub/a#.json", b"2"),
    ]


def test_a_missing_file_of_a_folder_is_named(loopback: Loopback) -> None:
    (file,) = UrlReader("https://example.org/f/", loopback.address + "/f/").files("a.json")
    with pytest.raises(SourceError) as caught:
        file.open_bytes()
    assert str(caught.value) == "https://example.org/f/a.json: the server has no such file; check the URL"


def test_a_folder_can_not_be_searched(loopback: Loopback) -> None:
    with pytest.raises(SourceError) as caught:
        reader(loopback, "/f/", "https://example.org/f/").files("a.json", "*.txt", "b?.txt")
    assert str(caught.value) == (
        "https://example.org/f/: https lists no files, so *.txt, b?.txt can't be looked up; "
        "name each with files = [...]"
    )


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", ".."])
def test_a_name_can_not_lead_out_of_a_folder(loopback: Loopback, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        reader(loopback, "/f/", "https://example.org/f/").files(name)
    assert str(caught.value) == f"https://example.org/f/: {name} would lead out of the folder"
    assert loopback.asked == []


def test_a_spelled_out_dot_is_no_way_out(loopback: Loopback) -> None:
    loopback.files["/secret"] = b"secret"
    (file,) = reader(loopback, "/f/", "https://example.org/f/").files("%2e%2e/secret")
    with pytest.raises(SourceError, match="no such file"):
        file.open_bytes()


def test_large_downloads_move_to_a_file(
    loopback: Loopback, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(https, "_IN_MEMORY", 1_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert fetched(reader(loopback)) == content
    assert list(tmp_path.iterdir()) == []
