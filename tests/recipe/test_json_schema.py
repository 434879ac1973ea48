from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from calibset.recipe.json_schema import recipe_schema
from calibset.recipe.model import SOURCE_ONLY_KEYS, Recipe
from calibset.sources import ADAPTERS, get_adapter
from tests.recipe.recipes import GOOD

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_schema_is_a_schema_and_knows_every_key() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"extends", *Recipe.model_fields}
    assert all(key.get("description") for key in schema["properties"].values())


@cache
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(recipe_schema())


def invalid(recipe: dict[str, Any]) -> bool:
    return not validator().is_valid(recipe)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_the_schema_accepts_the_recipes_that_come_along(path: Path) -> None:
    assert not invalid(tomllib.loads(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("override", "valid"),
    [
        ({}, True),
        ({"where": ["a", "b"]}, True),
        ({"split": "train", "config": ["x"]}, True),
        ({"type": "their.module:Adapter", "any": 1}, True),
        ({"wher": "a"}, False),
        ({"type": "txt", "separator": 1}, True),
        ({"separator": 1}, False),
        ({"where": []}, False),
        ({"where": 1}, False),
        ({"weight": 0}, False),
        ({"weight": "1"}, False),
    ],
)
def test_the_schema_judges_sources_as_the_recipe_does(override: dict[str, Any], valid: bool) -> None:
    recipe = tomllib.loads(GOOD)
    recipe["sources"]["one"].update(override)
    assert invalid(recipe) != valid


@pytest.mark.parametrize(
    "override",
    [
        {"nsample": 1},
        {"seed": -1},
        {"groups": {"a": 2}},
        {"name": "a b"},
        {"shortage": "stop"},
        {"hygiene": {"filters": ["nope"]}},
        {"hygiene": {"pii": True}},
        {"hygiene": {"langauges": "sk"}},
        {"decontamination": {"run": 7}},
        {"selection": {"method": "greedy"}},
        {"holdout": {"nsamples": 0}},
        {"holdout": 64},
    ],
)
def test_the_schema_rejects_what_the_recipe_rejects(override: dict[str, Any]) -> None:
    assert invalid({**tomllib.loads(GOOD), **override})


@pytest.mark.parametrize(
    "override",
    [
        {"hygiene": {"languages": "sk", "repairs": "NFC", "filters": ["length"], "boilerplate": True}},
        {"hygiene": {"languages": ["sk", "cs"], "language_score": 1, "pii": "mask"}},
        {"decontamination": {"run": 8, "containment": 1, "matches": "cut"}},
        {"selection": {"method": "coverage", "terms_of": "one", "letters": "áä"}},
        {"selection": {"method": "coverage", "terms_of": ["one"], "pool": 2}},
        {"holdout": {}},
        {"holdout": {"nsamples": 8, "output": "y.jsonl"}},
    ],
)
def test_the_schema_accepts_what_the_recipe_accepts(override: dict[str, Any]) -> None:
    assert not invalid({**tomllib.loads(GOOD), **override})


EVALUATION: dict[str, Any] = {"name": "e", "type": "text", "where": "x"}


@pytest.mark.parametrize(
    ("tables", "valid"),
    [
        ([], True),
        ([EVALUATION], True),
        ([EVALUATION | {"separator": "-", "where": ["x", "y"], "revision": "main", "licence": "MIT"}], True),
        ([EVALUATION | {"type": "their.module:Adapter", "any": 1}], True),
        (EVALUATION, False),
        ([3], False),
        ([{"type": "text", "where": "x"}], False),
        ([EVALUATION | {"name": ""}], False),
        ([EVALUATION | {"name": 3}], False),
        ([{"name": "e", "type": "text"}], False),
        ([EVALUATION | {"type": "jsonl", "separator": "-"}], False),
        ([EVALUATION | {"wher": "x"}], False),
        ([EVALUATION | {"group": "a"}], False),
        ([EVALUATION | {"weight": 1.0}], False),
        ([EVALUATION | {"hygiene": {}}], False),
        ([EVALUATION | {"type": "their.module:Adapter", "group": "a"}], False),
    ],
)
def test_the_schema_knows_evaluation_sets(tables: object, valid: bool) -> None:
    assert invalid({**tomllib.loads(GOOD), "exclude": tables}) != valid


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_adapter_reads_evaluation_sets(name: str) -> None:
    assert not invalid({**tomllib.loads(GOOD), "exclude": [EVALUATION | {"type": name}]})
    keys = validator().schema["$defs"][f"exclude-{name}"]["properties"].keys()
    assert keys == {"name", *get_adapter(name).model_fields} - {*SOURCE_ONLY_KEYS}


@pytest.mark.parametrize(("hygiene", "valid"), [({"languages": "sk"}, True), ({"filters": "nope"}, False)])
def test_the_schema_knows_a_sources_own_hygiene(hygiene: dict[str, Any], valid: bool) -> None:
    recipe = tomllib.loads(GOOD)
    recipe["sources"]["one"]["hygiene"] = hygiene
    assert invalid(recipe) != valid


@pytest.mark.parametrize(
    ("variant", "valid"),
    [
        ({}, True),
        ({"nsamples": 4, "sources": {"one": {"weight": 2}, "two": False}, "groups": {"a": False}}, True),
        ({"holdout": False, "exclude": [{"name": "test", "where": "a"}]}, True),
        ({"extends": 1}, False),
        ({"nsamples": 0}, False),
        ({"nsample": 4}, False),
        ({"sources": {"one": 2}}, True),  # what is in a base's table only the base tells
        ({"exclude": [{"where": "a"}]}, False),
    ],
)
def test_the_schema_knows_variants(variant: dict[str, Any], valid: bool) -> None:
    assert invalid({"extends": "coding", **variant}) != valid


def test_without_a_base_nothing_may_be_left_out() -> None:
    recipe = tomllib.loads(GOOD)
    assert invalid({**recipe, "holdout": False})
    assert invalid({key: value for key, value in recipe.items() if key != "name"})
