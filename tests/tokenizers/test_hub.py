from __future__ import annotations

from dataclasses import replace

import pytest

from calibset.core.errors import OfflineError, SourceError
from calibset.storage.cache import Cache
from calibset.tokenizers.hub import fetch_model_files
from tests.storage.loopback import COMMIT, Fault, Loopback

MODEL = "hf://them/model"
WANTED = ("tokenizer.json", "chat_template.*")
BUSY = Fault(status=503, headers={"Retry-After": "0"}, methods=("GET", "HEAD"))


@pytest.fixture
def model(hub: Loopback) -> Loopback:
    """A model repository that the server holds."""
    hub.repositories["them/model"] = {
        "tokenizer.json": b"{}",
        "chat_template.jinja": b"hi",
        "model.safetensors": b"weights",
    }
    return hub


def test_only_the_files_that_are_wanted_are_fetched_and_once(model: Loopback, cache: Cache) -> None:
    folder = fetch_model_files(MODEL, WANTED, cache)
    assert sorted(path.name for path in folder.iterdir()) == ["chat_template.jinja", "tokenizer.json"]
    assert (folder / "chat_template.jinja").read_bytes() == b"hi"
    before = len(model.data_requests())
    assert fetch_model_files(MODEL, WANTED, cache) == folder
    assert len(model.data_requests()) == before
    assert folder.is_relative_to(cache.folder)


def test_a_revision_can_be_named(model: Loopback, cache: Cache) -> None:
    assert fetch_model_files(f"{MODEL}@{COMMIT}", WANTED, cache).name == COMMIT
    with pytest.raises(SourceError) as caught:
        fetch_model_files(f"{MODEL}@v9", WANTED, cache)
    assert str(caught.value) == (f"{MODEL}@v9: no revision 'v9'; name a branch, tag or commit that is there")


def test_what_was_fetched_is_there_offline(model: Loopback, cache: Cache) -> None:
    offline = replace(cache, offline=True)
    with pytest.raises(OfflineError) as caught:
        fetch_model_files(MODEL, WANTED, offline)
    assert str(caught.value) == f"{MODEL}: not in the cache; build once without --offline"
    folder = fetch_model_files(MODEL, WANTED, cache)
    before = list(model.asked)
    assert fetch_model_files(MODEL, WANTED, offline) == folder
    assert model.asked == before
    cache.clear()
    with pytest.raises(OfflineError):
        fetch_model_files(MODEL, WANTED, offline)


def test_an_unknown_model_is_a_clear_error(hub: Loopback, cache: Cache) -> None:
    with pytest.raises(SourceError) as caught:
        fetch_model_files(MODEL, WANTED, cache)
    assert str(caught.value) == (
        f"{MODEL}: no such model repository; check its name, or log in with `hf auth login` if it is private"
    )


@pytest.mark.parametrize(
    "location", ["hf://model", "hf://a/b/c", "hf://datasets/a/b", "hf://../b", "hf://a/b@"]
)
def test_a_name_of_another_form_is_a_clear_error(hub: Loopback, cache: Cache, location: str) -> None:
    with pytest.raises(SourceError) as caught:
        fetch_model_files(location, WANTED, cache)
    assert str(caught.value) == f"{location}: must be hf://OWNER/NAME or hf://OWNER/NAME@REVISION"
    assert hub.asked == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "no such model repository, or no such file in it; check its name and HF_ENDPOINT"),
        (403, "the hub answers 403: you may not read it; log in with `hf auth login`, or set HF_TOKEN"),
        (500, "the hub answers 500; try again later"),
    ],
)
def test_what_the_hub_answers_without_a_reason(
    model: Loopback, cache: Cache, pauses: list[float], status: int, message: str
) -> None:
    answer = Fault(status=status, methods=("GET", "HEAD"))
    model.broken["/api/models/them/model/revision/main"] = answer
    with pytest.raises(SourceError) as caught:
        fetch_model_files(MODEL, WANTED, cache)
    assert str(caught.value) == f"{MODEL}: {message}"
