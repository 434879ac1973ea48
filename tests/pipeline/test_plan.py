"""What a build would do."""

from __future__ import annotations

from pathlib import Path

import pytest

import calibset
from calibset.core.errors import (
    TokenizerError,
)
from tests.pipeline.small_builds import small
from tests.small import corpus
from tests.storage.loopback import COMMIT, Loopback


def test_a_plan_wants_a_tokenizer_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="tokenizer 'mistral-small-9'"):
        calibset.plan(small(tmp_path, 'tokenizer="mistral-small-9"'))


def test_a_plan_downloads_no_data(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": b"x" * 100, "b.jsonl": b"y", "README.md": b"z"}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    recipe = small(
        tmp_path,
        'sources.fish.where="hf://datasets/them/fish"',
        'sources.ships.where="https://example.org/ships.jsonl"',
        'sources.trees.where=["gone", "gone too"]',
    )
    planned = calibset.plan(recipe, mirrors=[f"https://example.org/={hub.address}/m/"])
    assert hub.asked
    assert hub.data_requests() == []
    assert planned.groups == {"sea": 12, "land": 8, "general": 0}
    fish, ships, trees, rest = planned.sources
    assert (fish.quota, fish.files, fish.size, fish.revision, fish.problem) == (8, 2, 101, COMMIT, None)
    assert (ships.quota, ships.files, ships.size, ships.problem) == (4, 1, 2703, None)
    assert (trees.quota, trees.files, trees.location) == (8, 0, "gone")
    assert trees.problem == (
        f"gone: no such file or folder under {tmp_path}; set --data DIR to where the corpora are; "
        f"gone too: no such file or folder under {tmp_path}; set --data DIR to where the corpora are"
    )
    assert (rest.quota, rest.files, rest.licence) == (0, 1, "unknown")
