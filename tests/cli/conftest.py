"""A small recipe in the working directory, and what commands made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibset.cli import main
from tests.cli.commands import HUB
from tests.small import corpus, write_small
from tests.storage.loopback import Loopback


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small recipe, in the working directory."""
    write_small(tmp_path)
    monkeypatch.chdir(tmp_path)
    return "recipe.toml"


@pytest.fixture
def built(recipe: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A calibration file with its manifest, in the working directory."""
    assert main(["build", recipe, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    return "small.jsonl"


@pytest.fixture
def locked(recipe: str) -> str:
    """The small recipe with its lock, in the working directory."""
    assert main(["lock", recipe, "--quiet"]) == 0
    return recipe


@pytest.fixture
def remote(recipe: str, hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The small recipe and what makes it read fish from the hub and ships from a server."""
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    hub.files["/ships.jsonl"] = corpus("ships", 30)
    monkeypatch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")
    return [recipe, HUB, "--set=sources.ships.where=https://example.org/ships.jsonl"]
