"""What many tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import settings

from calibset.storage.cache import Cache
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.tekken_conversion import write_fast_tokenizer
from tests.dataset.writable_hub import WritableHub, serve_writable_hub, use_hub
from tests.evaluation.chat_build import build_chat_file
from tests.evaluation.model_server import ModelServer, Serve, serving_model
from tests.storage.loopback import Loopback, serving, use_as_hub

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer


# Bytes beyond this many are files and no names of tests.
_LONGEST_NAME = 40

# The session `slow` looks longer; neither measures time, which other work on the machine takes. Where changes
# are judged, each run has the same examples, so that none fails for what another brought in.
_SAME = bool(os.environ.get("CI"))
settings.register_profile("quick", max_examples=15, deadline=None, derandomize=_SAME)
settings.register_profile("thorough", max_examples=100, deadline=None, derandomize=_SAME)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name files by their kind: a time stamp in an archive would give each worker a test of another name."""
    return "file" if isinstance(val, bytes) and len(val) > _LONGEST_NAME else None


@pytest.fixture(scope="session")
def tekken() -> TekkenTokenizer:
    """The embedded tokenizer, which takes more than a second to load."""
    return cast("TekkenTokenizer", load_tokenizer("mistral-small-3.2"))


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders, none of which is there yet, for the caches of tests."""
    base = tmp_path_factory.mktemp("caches")
    return (base / str(number) for number in count())


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, caches: Iterator[Path]) -> Cache:
    """A cache of this test's own."""
    monkeypatch.setenv("CALIBSET_CACHE", str(next(caches)))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return Cache.default()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server of this test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as running:
        yield running


@pytest.fixture
def hub(loopback: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Loopback:
    """The same server, in the place of the hub."""
    from huggingface_hub import constants

    def change(name: str, value: Any) -> None:
        monkeypatch.setattr(constants, name, value, raising=False)

    use_as_hub(loopback.address, str(tmp_path / "hub-cache"), change)
    return loopback


@pytest.fixture
def writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WritableHub]:
    """A hub of this test's own that repositories can be made on."""
    with serve_writable_hub() as running:
        use_hub(running.address, tmp_path / "hub-cache", monkeypatch)
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Retries without the pauses between them, which are noted here."""
    import tenacity.nap

    noted: list[float] = []
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=noted.append))
    return noted


@pytest.fixture(scope="session")
def fast_folder(tekken: TekkenTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same tokenizer as Hugging Face has it, which takes seconds to write."""
    folder = tmp_path_factory.mktemp("fast")
    write_fast_tokenizer(tekken, folder)
    return folder


@pytest.fixture(scope="session")
def fast(fast_folder: Path) -> Tokenizer:
    """The same tokenizer, read from that folder."""
    return load_tokenizer(str(fast_folder))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers of models, of this test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("CALIBSET_API_KEY", raising=False)
    with ExitStack() as stack:

        def start(**traits: Any) -> ModelServer:
            return stack.enter_context(serving_model(ModelServer(**traits)))

        yield start


@pytest.fixture(scope="session")
def chat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration file of conversations, some of which call a tool, and its tokenizer in ``model``."""
    return build_chat_file(tmp_path_factory.mktemp("chat"))
