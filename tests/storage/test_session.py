"""A login goes to the server that the user means, and to no other, wherever that server leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from calibset.core.errors import CalibsetError
from calibset.storage.cache import Cache
from calibset.storage.https import UrlReader
from calibset.storage.hub import HubReader
from calibset.storage.patience import read_patience
from calibset.storage.session import RefusedRedirectError, open_session
from calibset.storage.transfer import Transfer
from calibset.tokenizers.hub import fetch_model_files
from tests.storage.loopback import COMMIT, Fault, Loopback, serving

TOKEN = "hf_canarytoken"


@pytest.fixture
def stranger() -> Iterator[Loopback]:
    """Another server, to which the hub leads."""
    with serving() as running:
        yield running


@pytest.fixture
def logged_in(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The hub, at which the user is logged in."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories["them/corpus"] = {"a.jsonl": b'{"text": "a"}\n', "tokenizer.json": b"{}"}
    return hub


def read_corpus(cache: Cache) -> bytes:
    reader = HubReader("hf://datasets/them/corpus", "them/corpus", cache)
    content = b""
    for file in reader.files("a.jsonl"):
        with file.open_bytes() as stream:
            content += stream.read()
    return content


def lead(hub: Loopback, path: str, to: Loopback, status: int = 302) -> None:
    to.repositories.update(hub.repositories)
    # What the hub says of a file goes with the redirect to where its bytes are.
    told = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": '"abc"', "X-Linked-Size": "2"}
    headers = {"Location": to.address + path, **told}
    hub.broken[path] = Fault(status=status, headers=headers, methods=("GET", "HEAD", "POST"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_download_that_is_led_elsewhere_takes_no_login_along(
    logged_in: Loopback, stranger: Loopback, cache: Cache, status: int
) -> None:
    lead(logged_in, f"/datasets/them/corpus/resolve/{COMMIT}/a.jsonl", stranger, status)
    assert read_corpus(cache) == b'{"text": "a"}\n'
    assert stranger.data_requests() == [f"/datasets/them/corpus/resolve/{COMMIT}/a.jsonl"]
    assert set(logged_in.logins) == {f"Bearer {TOKEN}"}
    assert stranger.logins == []


@pytest.mark.parametrize(
    "path", ["/api/datasets/them/corpus", f"/api/datasets/them/corpus/paths-info/{COMMIT}"]
)
@pytest.mark.parametrize("status", [302, 307])
def test_an_answer_of_the_hub_that_leads_elsewhere_takes_no_login_along(
    logged_in: Loopback, stranger: Loopback, cache: Cache, path: str, status: int
) -> None:
    lead(logged_in, path, stranger, status)
    with suppress(CalibsetError):
        read_corpus(cache)
    assert f"Bearer {TOKEN}" in logged_in.logins
    assert stranger.logins == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/them/corpus/revision/main",
        "/them/corpus/resolve/main/tokenizer.json",
    ],
)
def test_nor_does_a_tokenizer(logged_in: Loopback, stranger: Loopback, cache: Cache, path: str) -> None:
    lead(logged_in, path, stranger)
    with suppress(CalibsetError):
        fetch_model_files("hf://them/corpus", ("tokenizer.json",), cache)
    assert f"Bearer {TOKEN}" in logged_in.logins
    assert stranger.asked
    assert stranger.logins == []


def test_a_listing_that_goes_on_elsewhere_or_names_urls_asks_nobody_else(
    logged_in: Loopback, stranger: Loopback, cache: Cache
) -> None:
    logged_in.repositories["them/corpus"] = {
        f"{stranger.address}/a.jsonl": b"x",
        "a.jsonl": b'{"text": "a"}\n',
    }
    for path in ("/api/datasets/them/corpus", f"/api/datasets/them/corpus/paths-info/{COMMIT}"):
        logged_in.broken[path] = Fault(
            also={"Link": f'<{stranger.address}/next>; rel="next"'}, methods=("GET", "POST")
        )
    assert read_corpus(cache) == b'{"text": "a"}\n'
    reader = HubReader("hf://datasets/them/corpus", "them/corpus", cache)
    with suppress(CalibsetError):
        for file in reader.files("*"):
            file.open_bytes().read()
    assert stranger.asked == []


def test_another_location_is_given_no_login(logged_in: Loopback, stranger: Loopback, cache: Cache) -> None:
    assert logged_in.asked == []
    stranger.files["/a.jsonl"] = b"x"
    (file,) = UrlReader("https://example.org/a.jsonl", f"{stranger.address}/a.jsonl", cache).files()
    with file.open_bytes() as stream:
        assert stream.read() == b"x"
    assert stranger.logins == []


def test_a_login_for_any_machine_is_not_taken_where_a_server_leads(
    loopback: Loopback, stranger: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    stranger.files["/a"] = b"abc"
    loopback.broken["/a"] = Fault(status=302, headers={"Location": f"{stranger.address}/a"})
    transfer = Transfer(f"{loopback.address}/a", "a", lambda failure: failure.kind)
    assert transfer.fetch(0, 3) == b"abc"
    assert (loopback.logins, stranger.logins) == ([], [])


def redirect(old: str, new: str) -> requests.PreparedRequest:
    asked = requests.Request("GET", old, headers={"Authorization": "Bearer secret"}).prepare()
    answer = requests.Response()
    answer.request = asked
    led = asked.copy()
    led.prepare_url(new, None)
    open_session().rebuild_auth(led, answer)
    return led


def test_a_redirect_stays_on_https_and_keeps_a_login_on_its_host_alone() -> None:
    assert "Authorization" in redirect("https://x.org/a", "https://x.org/b").headers
    assert "Authorization" not in redirect("https://x.org/a", "https://y.org/a").headers
    assert "Authorization" not in redirect("https://x.org/a", "https://x.org:8443/a").headers
    for inside in ("http://169.254.169.254/latest/meta-data/", "http://x.org/a", "ftp://x.org/a"):
        with pytest.raises(RefusedRedirectError):
            redirect("https://x.org/a", inside)


def test_a_server_that_leaves_https_is_told() -> None:
    transfer = Transfer("https://x.org/a", "x.org: a", lambda failure: failure.kind)
    with pytest.raises(RefusedRedirectError) as caught:
        redirect("https://x.org/a", "http://x.org/a")
    assert str(transfer._error(caught.value, read_patience())) == (
        "x.org: a: the server leads from https to http, which is not followed; fetch the file by hand"
    )
