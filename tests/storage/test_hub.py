from __future__ import annotations

import io
import logging
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http

from calibset.core.errors import OfflineError, SourceError
from calibset.storage.cache import Cache
from calibset.storage.files import File
from calibset.storage.hub import HubReader
from tests.storage.loopback import COMMIT, Fault, Loopback, refusing

LOCATION = "hf://datasets/them/corpus"
INFO = "/api/datasets/them/corpus"
SIZES = f"/api/datasets/them/corpus/paths-info/{COMMIT}"
DATA = f"/datasets/them/corpus/resolve/{COMMIT}/data/a.jsonl"
CONTENT = b'{"text": "one"}\n' * 10_000
UNREACHED = "); check the network and HF_ENDPOINT, or build --offline from what is in the cache"
GATED = Fault(status=401, headers={"X-Error-Code": "GatedRepo"}, methods=("GET", "HEAD"))
BUSY = Fault(status=503, headers={"Retry-After": "0"}, methods=("GET", "HEAD", "POST"))


@pytest.fixture
def corpus(hub: Loopback, cache: Cache) -> HubReader:
    """A repository that the server holds."""
    hub.repositories["them/corpus"] = {"README.md": b"# hello", "data/a.jsonl": CONTENT, "data/b.txt": b"b"}
    return HubReader(LOCATION, "them/corpus", cache)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> list[float]:
    """The pauses that huggingface_hub makes by itself, recorded and left out."""
    pauses: list[float] = []
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=pauses.append, time=time.time))
    return pauses


def bytes_of(file: File) -> bytes:
    with file.open_bytes() as stream:
        return stream.read()


def fault_of(reader: HubReader) -> str:
    with pytest.raises(SourceError) as caught:
        bytes_of(reader.files("*.jsonl")[0])
    return str(caught.value)


def test_files_are_found_at_one_commit_and_fetched(hub: Loopback, corpus: HubReader) -> None:
    assert corpus.is_there()
    assert corpus.revision == COMMIT
    files = corpus.files("*.txt", "data/*.jsonl")
    assert [(file.name, file.size) for file in files] == [("data/a.jsonl", len(CONTENT)), ("data/b.txt", 1)]
    assert bytes_of(files[0]) == CONTENT
    assert hub.data_requests() == [DATA]


def test_a_file_is_fetched_once(hub: Loopback, corpus: HubReader) -> None:
    (file,) = corpus.files("*.txt")
    assert bytes_of(file) == bytes_of(file) == b"b"
    assert len(hub.data_requests()) == 1


def test_nothing_is_fetched_to_see_what_is_there(hub: Loopback, corpus: HubReader) -> None:
    assert corpus.is_there()
    corpus.files("*")
    assert hub.data_requests() == []
    assert [path for _, path in hub.asked] == [INFO, SIZES]


def test_a_commit_can_be_named(corpus: HubReader) -> None:
    assert replace(corpus, requested=COMMIT).revision == COMMIT


def test_an_unknown_revision_is_a_clear_error(corpus: HubReader) -> None:
    with pytest.raises(SourceError) as caught:
        replace(corpus, requested="v9").is_there()
    assert str(caught.value) == f"{LOCATION}: no revision 'v9'; name a branch, tag or commit that is there"


def test_an_unknown_repository_is_not_there(hub: Loopback, cache: Cache) -> None:
    reader = HubReader("hf://datasets/them/nothing", "them/nothing", cache)
    assert not reader.is_there()
    assert fault_of(reader) == (
        "hf://datasets/them/nothing: no such dataset repository; check its name, or log in with "
        "`hf auth login` if it is private"
    )


@pytest.mark.parametrize("path", [INFO, DATA])
def test_a_gated_repository_says_how_to_open_it(hub: Loopback, corpus: HubReader, path: str) -> None:
    hub.broken[path] = GATED
    what = "data/a.jsonl: " if path == DATA else ""
    assert fault_of(corpus) == (
        f"{LOCATION}: {what}the repository is gated; accept its terms on the hub, then log in with "
        "`hf auth login`, or set HF_TOKEN"
    )


def test_a_gated_repository_is_no_missing_one(hub: Loopback, corpus: HubReader) -> None:
    hub.broken[INFO] = GATED
    with pytest.raises(SourceError, match="the repository is gated"):
        corpus.is_there()


def test_a_name_that_no_repository_can_have_is_a_clear_error(hub: Loopback, cache: Cache) -> None:
    assert fault_of(HubReader("hf://datasets/a/b--c", "a/b--c", cache)) == (
        "hf://datasets/a/b--c: is not a repository name; write OWNER/NAME, of letters, digits, . _ and - "
        "(neither -- nor ..)"
    )


def test_no_matching_file_names_what_is_there(corpus: HubReader) -> None:
    with pytest.raises(SourceError) as caught:
        corpus.files("*.csv")
    assert str(caught.value) == (
        f"{LOCATION}: no file matches *.csv; it holds README.md, data/a.jsonl, data/b.txt: "
        "name the right ones with files = [...]"
    )


@pytest.mark.parametrize("pattern", ["../*", "/etc/passwd", "data/../../other/*"])
def test_a_pattern_finds_nothing_outside(corpus: HubReader, pattern: str) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        corpus.files(pattern)


def test_a_file_that_went_away_is_a_clear_error(hub: Loopback, corpus: HubReader) -> None:
    (file,) = corpus.files("*.txt")
    del hub.repositories["them/corpus"]["data/b.txt"]
    with pytest.raises(SourceError) as caught:
        bytes_of(file)
    assert str(caught.value) == f"{LOCATION}: data/b.txt: no such file at revision {COMMIT}"


@pytest.mark.parametrize("path", [INFO, SIZES, DATA])
def test_passing_refusals_are_overcome(
    hub: Loopback, corpus: HubReader, pauses: list[float], quick: list[float], path: str
) -> None:
    hub.faults[path] = [BUSY] * 3
    assert bytes_of(corpus.files("*.jsonl")[0]) == CONTENT
    assert hub.faults[path] == []


def test_a_hub_that_stays_busy_is_a_clear_error(
    hub: Loopback, corpus: HubReader, pauses: list[float]
) -> None:
    hub.broken[INFO] = BUSY
    assert fault_of(corpus) == f"{LOCATION}: the hub answers 503; try again later"
    assert len(hub.asked) == 8


def test_a_dropped_connection_is_overcome(hub: Loopback, corpus: HubReader, pauses: list[float]) -> None:
    hub.faults[DATA] = [Fault(stop_after=50_000), Fault(stop_after=50_000)]
    assert bytes_of(corpus.files("*.jsonl")[0]) == CONTENT


def test_a_download_that_never_comes_whole_is_a_clear_error(
    hub: Loopback, corpus: HubReader, pauses: list[float]
) -> None:
    hub.broken[DATA] = Fault(stop_after=0)
    assert fault_of(corpus) == (f"{LOCATION}: data/a.jsonl: the download keeps breaking off; try again later")


def test_a_hub_that_nobody_runs_fails_at_once(
    hub: Loopback, cache: Cache, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", refusing())
    message = fault_of(HubReader(LOCATION, "them/corpus", cache))
    assert message.startswith(f"{LOCATION}: the hub can't be reached (")
    assert message.endswith(UNREACHED)
    assert "\n" not in message
    assert pauses == []


def test_a_hub_that_goes_away_before_a_download_is_not_asked_over_and_over(
    hub: Loopback, corpus: HubReader, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = refusing() + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    (file,) = corpus.files("*.jsonl")
    with pytest.raises(SourceError) as caught:
        bytes_of(file)
    assert str(caught.value) == (
        f"{LOCATION}: data/a.jsonl: the hub can't be reached (ConnectionError{UNREACHED}"
    )
    assert pauses == []


@pytest.mark.parametrize("endpoint", ["nonsense", "http://[", "http://127.0.0.1:99999", ""])
def test_an_impossible_endpoint_is_a_clear_error(
    hub: Loopback, cache: Cache, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    message = fault_of(HubReader(LOCATION, "them/corpus", cache))
    assert message.startswith(f"{LOCATION}: the hub")
    assert message.endswith(("check HF_ENDPOINT", UNREACHED))


def test_an_answer_that_is_no_hubs_is_a_clear_error(hub: Loopback, corpus: HubReader) -> None:
    hub.broken[INFO] = Fault(status=200, headers={"Content-Type": "text/html"})
    assert fault_of(corpus).startswith(f"{LOCATION}: the hub's answer can't be understood (")


def test_the_librarys_own_offline_mode_is_a_clear_error(
    hub: Loopback, corpus: HubReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fault_of(corpus).startswith(f"{LOCATION}: the hub can't be reached (")
    assert hub.asked == []


def test_what_was_read_is_there_offline(hub: Loopback, corpus: HubReader, cache: Cache) -> None:
    bytes_of(corpus.files("*.jsonl")[0])
    before = list(hub.asked)
    offline = HubReader(LOCATION, "them/corpus", replace(cache, offline=True))
    assert offline.is_there()
    assert offline.revision == COMMIT
    assert bytes_of(offline.files("*.jsonl")[0]) == CONTENT
    assert hub.asked == before


@pytest.mark.parametrize(
    ("read", "missing"),
    [
        ("", ": not in the cache"),
        ("list", ": data/a.jsonl is not in the cache"),
        (
            "look",
            ": data/a.jsonl: the cache lacks a part of it that the build needs; build once without --offline",
        ),
    ],
)
def test_what_was_not_read_is_named_offline(
    hub: Loopback, corpus: HubReader, cache: Cache, read: str, missing: str
) -> None:
    assert read == "" or corpus.is_there()
    assert read != "look" or corpus.files("*.jsonl")
    with pytest.raises(OfflineError) as caught:
        bytes_of(replace(corpus, cache=replace(cache, offline=True)).files("*.jsonl")[0])
    assert str(caught.value) == LOCATION + missing


def test_a_commit_that_is_known_is_not_asked_for_again(hub: Loopback, corpus: HubReader) -> None:
    corpus.files("*", "README.md")
    before = list(hub.asked)
    again = replace(corpus, requested=COMMIT)
    assert [file.size for file in again.files("*", "README.md")] == [7, len(CONTENT), 1]
    assert hub.asked == before


def test_many_files_are_asked_about_in_portions(hub: Loopback, corpus: HubReader) -> None:
    hub.repositories["them/corpus"] = {f"data/{number}.jsonl": b"{}" for number in range(1_100)}
    assert len(corpus.files("*.jsonl")) == 1_100
    assert hub.asked.count(("POST", SIZES)) == 3


def test_the_hubs_own_pause_is_made_and_told(
    hub: Loopback, corpus: HubReader, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    full = Fault(status=429, headers={"RateLimit": '"resolvers";r=0;t=55', "Retry-After": "1"})
    hub.faults[DATA] = [full]
    assert bytes_of(corpus.files("*.jsonl")[0]) == CONTENT
    assert pauses == [56.0]
    assert caplog.messages == ["the server asks for a pause; reading goes on in 56 s"]


def test_a_branch_is_looked_up_in_each_build(hub: Loopback, corpus: HubReader) -> None:
    corpus.files("*")
    replace(corpus).files("*")
    assert [path for _, path in hub.asked] == [INFO, SIZES, INFO]


def test_a_file_that_a_new_commit_did_not_change_is_not_fetched_again(
    hub: Loopback, corpus: HubReader
) -> None:
    assert bytes_of(corpus.files("*.jsonl")[0]) == CONTENT
    hub.move_on("beef" * 10)
    newer = replace(corpus)
    assert newer.revision == "beef" * 10
    assert bytes_of(newer.files("*.jsonl")[0]) == CONTENT
    assert len(hub.data_requests()) == 1


def test_other_contents_than_announced_are_fetched_again(
    hub: Loopback, corpus: HubReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = corpus.files("*.txt")
    answers = [b"x", b"y", b"b"]
    monkeypatch.setattr(Loopback, "file", lambda *_: answers.pop(0))
    assert bytes_of(file) == b"b"
    assert answers == []


def test_contents_that_stay_other_than_announced_are_a_clear_error(
    hub: Loopback, corpus: HubReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = corpus.files("*.txt")
    monkeypatch.setattr(Loopback, "file", lambda *_: b"x")
    with pytest.raises(SourceError) as caught:
        bytes_of(file)
    assert str(caught.value) == (
        f"{LOCATION}: data/b.txt: the contents don't match the checksum that the server gives; "
        "try again later"
    )
    assert len(hub.data_requests()) == 3


def test_a_login_is_sent_and_written_nowhere(
    hub: Loopback, corpus: HubReader, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert bytes_of(corpus.files("*.txt")[0]) == b"b"
    assert set(hub.logins) == {"Bearer hf_secret"}
    paths = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert paths
    assert not any(b"hf_secret" in path.read_bytes() or "hf_secret" in path.name for path in paths)


def test_a_name_that_the_hub_forbids_is_a_clear_error(hub: Loopback, cache: Cache) -> None:
    message = fault_of(HubReader("hf://datasets/a--b/c", "a--b/c", cache))
    assert message.startswith("hf://datasets/a--b/c: ")
    assert "\n" not in message


def test_of_a_parquet_file_only_parts_are_fetched(hub: Loopback, corpus: HubReader) -> None:
    stream = io.BytesIO()
    table = pyarrow.table({"text": [f"row {i} " + "x" * 2_000 for i in range(2_000)]})
    pyarrow.parquet.write_table(table, stream, row_group_size=500, compression="none", use_dictionary=False)
    hub.repositories["them/corpus"]["big.parquet"] = stream.getvalue()
    (file,) = corpus.files("*.parquet")
    with file.open_random_access() as opened:
        rows: list[dict[str, Any]] = pyarrow.parquet.ParquetFile(opened).read_row_group(1).to_pylist()
    assert rows[0]["text"].startswith("row 500 ")
    fetched_ranges = [range_.removeprefix("bytes=").split("-") for range_ in hub.ranges]
    fetched = sum(int(last) - int(first) + 1 for first, last in fetched_ranges)
    assert 1_000_000 < fetched < 1_100_000


def test_the_librarys_log_is_quiet_only_while_it_is_asked(
    corpus: HubReader, capsys: pytest.CaptureFixture[str]
) -> None:
    before = logging.getLogger("huggingface_hub").level
    bytes_of(corpus.files("*.jsonl")[0])
    assert logging.getLogger("huggingface_hub").level == before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("data/*.jsonl", ["data/a.jsonl"]),
        ("data/b.txt", ["data/b.txt"]),
        ("data", ["data/a.jsonl", "data/b.txt"]),
        ("data/", ["data/a.jsonl", "data/b.txt"]),
        ("README.md", ["README.md"]),
    ],
)
def test_a_location_may_name_files_of_a_repository(corpus: HubReader, pattern: str, names: list[str]) -> None:
    inside = replace(corpus, location=f"{LOCATION}/{pattern}", pattern=pattern)
    assert [file.name for file in inside.files("*")] == names


def test_a_pattern_of_a_location_that_matches_nothing_is_named(corpus: HubReader) -> None:
    with pytest.raises(
        SourceError, match=r"no file matches data/\*\.csv; it holds README\.md, data/a\.jsonl"
    ):
        replace(corpus, pattern="data/*.csv").files("*.jsonl")
    with pytest.raises(SourceError, match="no file matches"):
        replace(corpus, pattern="other/").files("*.jsonl")
