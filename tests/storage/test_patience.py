"""Servers that hang, or send a byte now and then, end in an error within the seconds that are asked for."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from calibset.core.errors import RecipeError, SourceError
from calibset.storage import Cache
from calibset.storage.https import UrlReader
from calibset.storage.hub import HubReader
from calibset.storage.patience import Patience, read_patience, wait_for
from calibset.tokenizers.hub import fetch_model_files
from tests.storage.loopback import COMMIT, Fault, Loopback

BOTH = ("GET", "HEAD", "POST")
HANGS = Fault(silent_after=-1, methods=BOTH)
TRICKLES = Fault(pause=0.03, methods=BOTH)
SILENT = (
    "the server has sent nothing for 0.3 s; try again later, or give it longer with CALIBSET_TIMEOUT=SECONDS"
)
SLOW = (
    "the server sends fewer than 1,000 bytes a second; try again later, or give it longer with "
    "CALIBSET_TIMEOUT=SECONDS"
)
LATE = (
    "the server's answer is not complete after {:g} s; try again later, or give it longer with "
    "CALIBSET_TIMEOUT=SECONDS"
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALIBSET_TIMEOUT", "0.3")


@contextmanager
def refused(message: str, within: float) -> Iterator[None]:
    start = time.monotonic()
    with pytest.raises(SourceError) as caught:
        yield
    assert str(caught.value) == message
    assert time.monotonic() - start < within


def read_url(loopback: Loopback, cache: Cache) -> bytes:
    url = loopback.address + "/a.txt"
    (file,) = UrlReader(url, url, cache).files()
    with file.open_bytes() as stream:
        return stream.read()


def read_hub(cache: Cache) -> bytes:
    (file,) = HubReader("hf://datasets/them/corpus", "them/corpus", cache).files("*.txt")
    with file.open_bytes() as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HANGS, SILENT),
        (Fault(silent_after=-1), SILENT),
        (Fault(silent_after=3), SILENT),
        (TRICKLES, LATE.format(1.2)),
        (Fault(pause=0.03), SLOW),
    ],
    ids=["head", "before the body", "in the body", "a trickling head", "a trickling body"],
)
def test_a_file_at_a_url(loopback: Loopback, cache: Cache, fault: Fault, message: str) -> None:
    loopback.files["/a.txt"] = b"content" * 1_000
    loopback.broken["/a.txt"] = fault
    with refused(f"{loopback.address}/a.txt: {message}", within=5):
        read_url(loopback, cache)


def test_a_file_that_is_sent_only_whole(loopback: Loopback, cache: Cache) -> None:
    loopback.files["/a.txt"] = b"content" * 1_000
    loopback.faults["/a.txt"] = [Fault(left_out="Accept-Ranges", methods=("HEAD",))]
    loopback.broken["/a.txt"] = Fault(pause=0.03)
    with refused(f"{loopback.address}/a.txt: {SLOW}", within=5):
        read_url(loopback, cache)


def test_a_connection_that_fell_silent_once_is_opened_again(loopback: Loopback, cache: Cache) -> None:
    loopback.files["/a.txt"] = b"content" * 1_000
    loopback.faults["/a.txt"] = [Fault(silent_after=30)]
    assert read_url(loopback, cache) == b"content" * 1_000
    assert loopback.ranges == ["bytes=0-6999", "bytes=30-6999"]


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        ("/api/datasets/them/corpus", HANGS, SILENT),
        ("/api/datasets/them/corpus", Fault(pause=0.03), LATE.format(1.2)),
        (f"/api/datasets/them/corpus/paths-info/{COMMIT}", HANGS, LATE.format(0.3)),
        (f"/api/datasets/them/corpus/paths-info/{COMMIT}", TRICKLES, LATE.format(0.3)),
        (f"/datasets/them/corpus/resolve/{COMMIT}/a.txt", HANGS, "a.txt: " + SILENT),
        (f"/datasets/them/corpus/resolve/{COMMIT}/a.txt", TRICKLES, "a.txt: " + SLOW),
    ],
)
def test_a_dataset_of_the_hub(hub: Loopback, cache: Cache, path: str, fault: Fault, message: str) -> None:
    hub.repositories["them/corpus"] = {"a.txt": b"content" * 1_000}
    hub.broken[path] = fault
    with refused(f"hf://datasets/them/corpus: {message}", within=5):
        read_hub(cache)


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        ("/api/models/them/model/revision/main", HANGS, SILENT),
        ("/api/models/them/model/revision/main", TRICKLES, SLOW),
        ("/them/model/resolve/main/tokenizer.json", HANGS, SLOW),
        ("/them/model/resolve/main/tokenizer.json", TRICKLES, SLOW),
    ],
)
def test_a_model_of_the_hub(hub: Loopback, cache: Cache, path: str, fault: Fault, message: str) -> None:
    hub.repositories["them/model"] = {"tokenizer.json": b"content" * 1_000}
    hub.broken[path] = fault
    with refused(f"hf://them/model: {message}", within=5):
        fetch_model_files("hf://them/model", ("tokenizer.json",), cache)


def test_it_is_told_while_it_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert wait_for(lambda: time.sleep(0.25) or "done", "hf://a", Patience(0.3), longest=9) == "done"
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert re.fullmatch(r"hf://a: waiting for the server, 0\.\d+ s so far", message)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_a_call_raises_is_raised(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error("as told")

    with pytest.raises(error, match=r"^as told$"):
        wait_for(fail, "hf://a", Patience())


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "3601", "30s"])
def test_other_words_than_seconds_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CALIBSET_TIMEOUT", text)
    with pytest.raises(RecipeError) as caught:
        read_patience()
    assert str(caught.value) == (
        f"CALIBSET_TIMEOUT={text}: must be the seconds that a server may be silent, from 0.1 to 3,600; 30 if "
        "it is not set"
    )


def test_seconds_are_read_or_thirty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALIBSET_TIMEOUT", "2.5")
    assert read_patience() == Patience(2.5)
    monkeypatch.setenv("CALIBSET_TIMEOUT", "")
    assert read_patience() == Patience(30.0)
