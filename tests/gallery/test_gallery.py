"""The recipes of the gallery build, with fewer rows, from corpora that look like the real ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from calibset import CalibrationSet, build, load_recipe
from calibset.recipe.gallery import find_gallery_recipe, list_gallery
from tests.gallery.corpora import write_own, write_repositories
from tests.gallery.evaluation_sets import benchmark_text
from tests.gallery.files import Repository
from tests.storage.loopback import Loopback

MODELS = {
    "agentic_tools": "Qwen3",
    "coding": "Qwen3",
    "general_chat": "Mistral",
    "german_legal": "Mistral",
    "long_context": "Llama 3",
    "multilingual": "Gemma 3",
    "reasoning": "Qwen3",
}
_FEWER = {"holdout.nsamples": 2, "holdout.share": 0.3}


@pytest.fixture(scope="module")
def repositories() -> dict[str, Repository]:
    return write_repositories(40, long_rows=10)


@pytest.fixture(scope="module")
def builds() -> dict[str, CalibrationSet]:
    """What was built of the recipes, each of which takes a second."""
    return {}


@pytest.fixture
def gallery_hub(hub: Loopback, repositories: dict[str, Repository]) -> Loopback:
    hub.repositories.update(repositories)
    return hub


@pytest.fixture
def build_few(
    gallery_hub: Loopback, tmp_path: Path, builds: dict[str, CalibrationSet]
) -> Callable[[str], CalibrationSet]:
    """Builds a recipe of the gallery with few rows, unless a test before has."""

    def build_once(name: str) -> CalibrationSet:
        if name not in builds:
            write_own(tmp_path, 40)
            few = {"nsamples": 4 if name == "long_context" else 10}
            builds[name] = build(
                load_recipe(find_gallery_recipe(name), overrides=_FEWER | few), data=tmp_path
            )
        return builds[name]

    return build_once


def own(name: str) -> str:
    return find_gallery_recipe(name).read_text("utf-8")


def test_the_gallery_has_these_recipes() -> None:
    assert list_gallery() == tuple(sorted([*MODELS, "quickstart", "slovak_insurance"]))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("agentic_tools", "general_chat") else pytest.mark.slow)
        for name in sorted(MODELS)
    ],
)
def test_a_recipe_builds_over_corpora_of_the_documented_columns(
    name: str, build_few: Callable[[str], CalibrationSet]
) -> None:
    built = build_few(name)
    manifest = built.manifest
    assert manifest.kept == len(built) == manifest.nsamples
    assert built.holdout is not None
    assert len(built.holdout) == 2
    for source in manifest.sources:
        assert source.achieved == source.asked, source.name
        assert source.rejections == {}, source.name
    assert all(not evaluation.rejections and evaluation.documents for evaluation in manifest.evaluations)
    assert any(source.contaminated for source in manifest.sources)
    rows = [sample.text for sample in (*built, *built.holdout)]
    quoted = (benchmark_text("english"), benchmark_text("german"))
    assert not any(text in row for text in quoted for row in rows)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_recipe_says_what_it_is_for_and_where_its_licences_were_read(name: str) -> None:
    recipe = load_recipe(find_gallery_recipe(name))
    text = own(name)
    assert recipe.name == name.replace("_", "-")
    what_for, model = recipe.description.strip().split("\n\n")
    assert what_for.startswith("For a model ")
    assert model.startswith(f"Model: {MODELS[name]}")
    for heading in (
        "# Why these sources: ",
        "docs/explanation/evidence.md",
        "doesn't say: ",
        "Licences, and the page each was read on:",
    ):
        assert heading in text
    assert recipe.holdout is not None
    assert len(recipe.exclude) >= 2
    for source in recipe.sources.values():
        for location in source.where:
            if location.startswith("hf://"):
                page = location.replace("hf://", "https://huggingface.co/")
                assert re.search(
                    rf"^# .* {re.escape(source.licence)} .*{re.escape(page)} \(", text, re.MULTILINE
                ), page


def test_the_flagship_says_which_page_names_which_licence_of_wikipedia() -> None:
    text = own("slovak_insurance")
    assert load_recipe(find_gallery_recipe("slovak_insurance")).sources["skwiki"].licence == "CC-BY-SA-3.0"
    assert "CC-BY-SA-3.0 with GFDL: https://huggingface.co/datasets/wikimedia/wikipedia" in text
    assert "CC-BY-SA-4.0 since 7 June 2023: https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use" in text


def test_thoughts_are_kept_as_the_model_writes_them(build_few: Callable[[str], CalibrationSet]) -> None:
    built = build_few("reasoning")
    thinking = [sample.text for sample in built if sample.source != "fineweb-edu"]
    assert len(thinking) == 8
    assert all(re.search(r"<think>\n\w.{200}", row, re.DOTALL) for row in thinking)
    assert {source.thoughts_dropped for source in built.manifest.sources} == {0}


def test_several_calls_stand_side_by_side_and_are_answered(
    build_few: Callable[[str], CalibrationSet],
) -> None:
    built = build_few("agentic_tools")
    rows = "".join(sample.text for sample in built if sample.source == "toolace")
    assert re.search(
        r"</tool_call>\n<tool_call>\n.*?</tool_call><\|im_end\|>\n<\|im_start\|>user\n<tool_response>",
        rows,
        re.DOTALL,
    )


def test_a_row_of_long_context_is_32768_tokens(build_few: Callable[[str], CalibrationSet]) -> None:
    built = build_few("long_context")
    assert all(sample.tokens >= 32_768 for sample in built)
    assert {len(sample.documents) for sample in built if sample.source == "books"} == {1}


def test_languages_have_their_weights(gallery_hub: Loopback, tmp_path: Path) -> None:
    quotas = load_recipe(find_gallery_recipe("multilingual"), overrides={"nsamples": 100}).mixture.quotas()
    assert quotas == {
        "deu": 12, "fra": 12, "spa": 12, "cmn": 12, "arb": 6, "hin": 6, "aya": 20, "fineweb-edu": 20,
    }  # fmt: skip


def test_a_variant_in_five_lines_builds_and_its_manifest_has_the_whole_recipe(
    gallery_hub: Loopback, tmp_path: Path
) -> None:
    variant = tmp_path / "small.toml"
    variant.write_text(
        'extends = "coding"\nname = "small"\nnsamples = 6\nholdout = false\n'
        "sources.oss-instruct.weight = 3\n",
        "utf-8",
    )
    built = build(load_recipe(variant))
    recorded = built.manifest.recipe
    assert (recorded["name"], recorded["nsamples"], recorded["holdout"]) == ("small", 6, None)
    assert recorded["tokenizer"] == "hf://Qwen/Qwen3-8B"
    assert [source.asked for source in built.manifest.sources] == [4, 1, 1]
    assert "extends" not in json.dumps(recorded)
