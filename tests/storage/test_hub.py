from __future__ import annotations

import errno
import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub import constants, file_download
from huggingface_hub.utils import _http

from calibset.errors import SourceError
from calibset.storage import hub as hub_module
from calibset.storage.files import File
from calibset.storage.hub import HubReader
from tests.storage.loopback import COMMIT, Fault, Loopback, refusing

PLACE = "hf://datasets/them/corpus"
INFO = "/api/datasets/them/corpus"
SIZES = f"/api/datasets/them/corpus/paths-info/{COMMIT}"
DATA = f"/datasets/them/corpus/resolve/{COMMIT}/data/a.jsonl"
CONTENT = b'{"text": "one"}\n' * 10_000
GATED = Fault(status=401, headers={"X-Error-Code": "GatedRepo"}, methods=("GET", "HEAD"))
BUSY = Fault(status=503, headers={"Retry-After": "0"}, methods=("GET", "HEAD", "POST"))


@pytest.fixture
def corpus(hub: Loopback) -> HubReader:
    """A repository that the server holds."""
    hub.repositories["them/corpus"] = {"README.md": b"# hello", "data/a.jsonl": CONTENT, "data/b.txt": b"b"}
    return HubReader(PLACE, "them/corpus")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> list[float]:
    """The pauses that huggingface_hub makes by itself, noted and left out."""
    noted: list[float] = []
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=noted.append, time=time.time))
    return noted


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
    assert HubReader(PLACE, "them/corpus", COMMIT).revision == COMMIT


def test_an_unknown_revision_is_a_clear_error(corpus: HubReader) -> None:
    with pytest.raises(SourceError) as caught:
        HubReader(PLACE, "them/corpus", "v9").is_there()
    assert str(caught.value) == f"{PLACE}: no revision 'v9'; name a branch, tag or commit that is there"


def test_an_unknown_repository_is_not_there(hub: Loopback) -> None:
    reader = HubReader("hf://datasets/them/nothing", "them/nothing")
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
        f"{PLACE}: {what}the repository is gated; accept its terms on the hub, then log in with "
        "`hf auth login` or set HF_TOKEN"
    )


def test_a_gated_repository_is_no_missing_one(hub: Loopback, corpus: HubReader) -> None:
    hub.broken[INFO] = GATED
    with pytest.raises(SourceError, match="the repository is gated"):
        corpus.is_there()


def test_no_matching_file_names_what_is_there(corpus: HubReader) -> None:
    with pytest.raises(SourceError) as caught:
        corpus.files("*.csv")
    assert str(caught.value) == (
        f"{PLACE}: no file matches *.csv; it holds README.md, data/a.jsonl, data/b.txt: "
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
        file.open_bytes()
    assert str(caught.value) == f"{PLACE}: data/b.txt: no such file at revision {COMMIT}"


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
    assert fault_of(corpus) == f"{PLACE}: the hub answers 503; try again later"
    assert len(hub.asked) == 8


def test_a_dropped_connection_is_overcome(
    hub: Loopback, corpus: HubReader, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    hub.faults[DATA] = [Fault(stop_after=50_000), Fault(stop_after=50_000)]
    assert bytes_of(corpus.files("*.jsonl")[0]) == CONTENT


def test_a_download_that_never_comes_whole_is_a_clear_error(
    hub: Loopback, corpus: HubReader, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    hub.broken[DATA] = Fault(stop_after=0)
    assert fault_of(corpus) == (
        f"{PLACE}: data/a.jsonl: the download breaks off again and again; try again later"
    )


def test_a_hub_that_nobody_runs_fails_at_once(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", refusing())
    begun = time.monotonic()
    message = fault_of(HubReader(PLACE, "them/corpus"))
    assert message.startswith(f"{PLACE}: the hub can't be reached (")
    assert message.endswith("); check the network and HF_ENDPOINT")
    assert "\n" not in message
    assert time.monotonic() - begun < 2


def test_a_hub_that_goes_away_before_a_download_is_not_asked_over_and_over(
    hub: Loopback, corpus: HubReader, quick: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = corpus.files("*.jsonl")
    template = refusing() + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(SourceError) as caught:
        file.open_bytes()
    assert str(caught.value).startswith(f"{PLACE}: data/a.jsonl: the hub can't be reached (")
    assert sum(quick) < 30


@pytest.mark.parametrize("endpoint", ["nonsense", "http://[", "http://127.0.0.1:99999", ""])
def test_an_impossible_endpoint_is_a_clear_error(
    hub: Loopback, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    message = fault_of(HubReader(PLACE, "them/corpus"))
    assert message.startswith(f"{PLACE}: the hub")
    assert message.endswith(("check HF_ENDPOINT", "check the network and HF_ENDPOINT"))


def test_an_answer_that_is_no_hubs_is_a_clear_error(hub: Loopback, corpus: HubReader) -> None:
    hub.broken[INFO] = Fault(status=200, headers={"Content-Type": "text/html"})
    assert fault_of(corpus).startswith(f"{PLACE}: the hub's answer can't be understood (")


def test_offline_mode_is_a_clear_error(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fault_of(HubReader(PLACE, "them/corpus")).startswith(f"{PLACE}: the hub can't be reached (")
    assert hub.asked == []


def test_a_full_disk_is_a_clear_error(corpus: HubReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    (file,) = corpus.files("*.jsonl")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(SourceError) as caught:
        file.open_bytes()
    assert str(caught.value) == (
        f"{PLACE}: data/a.jsonl: can't be kept in the cache: No space left on device; "
        "HF_HOME may name another folder"
    )


def test_a_name_that_the_hub_forbids_is_a_clear_error(hub: Loopback) -> None:
    message = fault_of(HubReader("hf://datasets/a--b/c", "a--b/c"))
    assert message.startswith("hf://datasets/a--b/c: ")
    assert "\n" not in message


def test_of_a_large_parquet_file_only_parts_are_fetched(
    hub: Loopback, corpus: HubReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    table = pyarrow.table({"text": [f"row {i} " + "x" * 2_000 for i in range(2_000)]})
    pyarrow.parquet.write_table(table, stream, row_group_size=500, compression="none", use_dictionary=False)
    hub.repositories["them/corpus"]["big.parquet"] = stream.getvalue()
    monkeypatch.setattr(hub_module, "_WHOLE", 2**20)
    (file,) = corpus.files("*.parquet")
    with file.open_bytes() as opened:
        rows: list[dict[str, Any]] = pyarrow.parquet.ParquetFile(opened).read_row_group(1).to_pylist()
    assert rows[0]["text"].startswith("row 500 ")
    assert hub.ranges
    assert all(asked != "" for asked in hub.ranges)


def test_progress_bars_are_silenced_only_while_calibset_fetches(
    corpus: HubReader, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled

    before = are_progress_bars_disabled()
    bytes_of(corpus.files("*.jsonl")[0])
    assert are_progress_bars_disabled() == before
    assert capsys.readouterr() == ("", "")
