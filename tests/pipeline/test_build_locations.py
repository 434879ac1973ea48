"""Where the corpora of a recipe may be."""

from __future__ import annotations

from pathlib import Path

import pytest

import calibset
from calibset.core.errors import (
    RecipeError,
    SourceError,
)
from calibset.recipe.loader import load_recipe
from tests.pipeline.small_builds import small
from tests.small import corpus
from tests.storage.loopback import COMMIT, Fault, Loopback


def test_a_source_may_be_named_in_every_way(tmp_path: Path, hub: Loopback, pauses: list[float]) -> None:
    recipe = small(
        tmp_path,
        'sources.fish.where="nowhere"',
        'sources.fish.fallbacks=["hf://datasets/them/none", "hf://datasets/them/fish"]',
        'sources.ships.where="https://example.org/x/ships.jsonl"',
    )
    local = calibset.build(load_recipe(tmp_path / "recipe.toml"))
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    hub.files["/m/ships.jsonl"] = corpus("ships", 30)
    data = f"/datasets/them/fish/resolve/{COMMIT}/a.jsonl"
    hub.faults = {
        data: [Fault(status=503, headers={"Retry-After": "0"}), Fault(stop_after=100)],
        "/m/ships.jsonl": [Fault(stop_after=1_000), Fault(status=503)],
    }
    mirror = f"https://example.org/x/={hub.address}/m/"
    built = calibset.build(recipe, mirrors=[mirror])
    assert {sample.text for sample in built if sample.source != "ships"} == {
        sample.text for sample in local if sample.source != "ships"
    }
    fish, ships = built.manifest.sources[:2]
    assert (fish.location, fish.revision) == ("hf://datasets/them/fish", COMMIT)
    assert (ships.location, ships.revision) == ("https://example.org/x/ships.jsonl", None)
    assert hub.address not in built.manifest.to_json()


def test_the_data_folder_can_be_set_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(tmp_path)
    data = tmp_path / "elsewhere"
    data.mkdir()
    (tmp_path / "fish").rename(data / "fish")
    with pytest.raises(SourceError, match=r"^sources\.fish: fish: no such file or folder under "):
        calibset.build(recipe)
    monkeypatch.setenv("CALIBSET_DATA", str(data))
    assert len(calibset.build(recipe)) == 20
    with pytest.raises(SourceError, match=r"^sources\.fish: "):
        calibset.build(recipe, data=tmp_path)
    monkeypatch.setenv("CALIBSET_DATA", "")
    assert calibset.plan(recipe, data=data).sources[0].problem is None


@pytest.mark.parametrize("folder", ["nowhere", "recipe.toml", "~nobody-of-this-name/x"])
def test_a_data_folder_that_is_none_is_an_error(tmp_path: Path, folder: str) -> None:
    recipe = small(tmp_path)
    data = folder if folder.startswith("~") else str(tmp_path / folder)
    with pytest.raises(RecipeError) as caught:
        calibset.plan(recipe, data=data)
    assert str(caught.value) == f"--data {data}: no such folder"


def test_mirrors_can_be_set_by_environment(
    tmp_path: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(tmp_path, 'sources.fish.where="https://example.org/fish.jsonl"')
    loopback.files = {"/m/fish.jsonl": b"", "/n/fish.jsonl": b""}
    from_environment = f"https://other.org/=http://127.0.0.1:1/  https://example.org/={loopback.address}/m/"
    monkeypatch.setenv("CALIBSET_MIRRORS", from_environment)
    assert calibset.plan(recipe, tries=False).sources[0].problem is None
    calibset.plan(recipe, tries=False, mirrors=[f"https://example.org/={loopback.address}/n/"])
    assert [path for _, path in loopback.asked] == ["/m/fish.jsonl", "/n/fish.jsonl"]
    monkeypatch.setenv("CALIBSET_MIRRORS", "nonsense")
    with pytest.raises(RecipeError, match=r"^--mirror nonsense: must read "):
        calibset.plan(recipe)


@pytest.mark.parametrize("pattern", ["../fish/*", "/etc/passwd", "*/../../fish/a.jsonl"])
def test_files_of_a_recipe_can_not_lead_out_of_the_place(tmp_path: Path, pattern: str) -> None:
    recipe = small(tmp_path, f'sources.trees.files="{pattern}"')
    with pytest.raises(SourceError) as caught:
        calibset.build(recipe)
    assert str(caught.value) == (
        f"sources.trees: trees: no file matches {pattern}; it holds a.jsonl: "
        "name the right ones with files = [...]"
    )
