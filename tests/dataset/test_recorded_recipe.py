"""A file built again from its manifest alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import calibset
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.recorded_recipe import load_recipe_or_manifest
from tests.small import corpus, write_small
from tests.storage.loopback import COMMIT, Loopback


def test_a_manifest_builds_the_bytes_that_it_records(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    more = """
[holdout]
nsamples = 4

[[exclude]]
name = "exam"
type = "jsonl"
where = "exam.jsonl"
"""
    path.write_text(path.read_text() + more)
    (tmp_path / "exam.jsonl").write_text('{"text": "the words of an exam"}\n')
    built = calibset.build(path)
    file = built.write(tmp_path / "made.jsonl")
    path.unlink()
    again = calibset.build(tmp_path / "made.manifest.json")
    assert again.manifest == built.manifest
    assert again.write(tmp_path / "again.jsonl").read_bytes() == file.read_bytes()


def test_the_commit_that_was_read_is_read_again(tmp_path: Path, hub: Loopback) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    recipe = calibset.load_recipe(
        write_small(tmp_path), overrides=["sources.fish.where=hf://datasets/them/fish"]
    )
    built = calibset.build(recipe)
    built.write(tmp_path / "made.jsonl")
    hub.move_on("beef" * 10)
    hub.repositories["them/fish"] = {"a.jsonl": corpus("shark", 30)}
    again = load_recipe_or_manifest(tmp_path / "made.manifest.json")
    assert again.sources["fish"].revision == COMMIT
    assert calibset.build(again).manifest.sha256 == built.manifest.sha256


def test_a_manifest_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.manifest.json"
    with pytest.raises(RecipeError, match=r"x\.manifest\.json: can't be read: No such file or directory"):
        load_recipe_or_manifest(path)
    path.write_text("{}")
    with pytest.raises(OutputError, match="is not a manifest of this version"):
        load_recipe_or_manifest(path)


def test_what_a_manifest_says_of_a_recipe_is_checked(tmp_path: Path) -> None:
    calibset.build(write_small(tmp_path)).write(tmp_path / "made.jsonl")
    path = tmp_path / "made.manifest.json"
    data = json.loads(path.read_text())
    for recipe, fault in (
        ({**data["recipe"], "sources": {}}, "sources: "),
        ({**data["recipe"], "groups": 1}, "groups: "),
        ({**data["recipe"], "nsample": 1}, "nsample: unknown key"),
    ):
        path.write_text(json.dumps({**data, "recipe": recipe}))
        with pytest.raises(RecipeError) as caught:
            load_recipe_or_manifest(path)
        assert fault in str(caught.value)
