from __future__ import annotations

from typing import Any

import pytest

from calibset.recipe.loader import parse_recipe
from calibset.recipe.overrides import apply_override
from tests.recipe.recipes import GOOD, find_faults


def recipe() -> dict[str, Any]:
    return {"seed": 1, "sources": {"pile": {"weight": 1}, "a.b": {"weight": 1}}}


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("sources.pile.weight=2.5", ("sources", "pile", "weight"), 2.5),
        ("sources.'a.b'.weight=3", ("sources", "a.b", "weight"), 3),
        ('sources."pile".where=["x", "y"]', ("sources", "pile", "where"), ["x", "y"]),
        ("name=a=b", ("name",), "a=b"),
        ("sources.new.type=pile", ("sources", "new", "type"), "pile"),
    ],
)
def test_a_value_takes_its_place(override: str, where: tuple[str, ...], value: object) -> None:
    raw: Any = recipe()
    assert apply_override(raw, override) == []
    for key in where:
        raw = raw[key]
    assert raw == value


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "must read key.path=value, such as sources.pile.weight=2"),
        ("a..b=1", "must read key.path=value, such as sources.pile.weight=2"),
        ("seed.x=1", "seed is a value, not a table"),
        ("sources.piel.weight=2", "no source 'piel'; did you mean pile?"),
        ("sources.zzz.weight=2", "no source 'zzz'; there are pile, a.b"),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(override: str, expected: str) -> None:
    raw = recipe()
    assert apply_override(raw, override) == [f"--set {override}: {expected}"]
    assert raw == recipe()


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=7", "seed", 7),
        (" seed = 7", "seed", 7),
        ('name="other"', "name", "other"),
        ("name=other", "name", "other"),
        ("output=a=b.jsonl", "output", "a=b.jsonl"),
        ("description=", "description", ""),
        ("groups.a=1", "groups", {"a": 1.0}),
        ("groups={ a = 1 }", "groups", {"a": 1.0}),
    ],
)
def test_an_override_takes_the_place_of_a_value(override: str, key: str, value: object) -> None:
    assert getattr(parse_recipe(GOOD, overrides=[override]), key) == value


def test_an_override_reaches_into_tables_and_makes_them() -> None:
    new = ["sources.one.weight=2", 'sources.one.where=["x", "y"]', "sources.two.type=text"]
    recipe = parse_recipe(GOOD, overrides=[*new, "sources.two.group=a", "sources.two.where=z"])
    assert (recipe.sources["one"].weight, recipe.sources["one"].where) == (2.0, ("x", "y"))
    assert recipe.sources["two"].where == ("z",)


def test_the_last_override_counts() -> None:
    assert parse_recipe(GOOD, overrides=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("seed", "--set seed: must read key.path=value, such as sources.pile.weight=2"),
        ("=1", "--set =1: must read key.path=value, such as sources.pile.weight=2"),
        ("a..b=1", "--set a..b=1: must read key.path=value, such as sources.pile.weight=2"),
        ("name.x=1", "--set name.x=1: name is a value, not a table"),
        ("seed=seven", "seed: must be a whole number, got 'seven'"),
        ("seed=1.0", "seed: must be a whole number, got 1.0"),
        ("name=[1", "name: must be a text that matches ^[A-Za-z0-9][A-Za-z0-9._-]*$, got '[1'"),
        ("sources.one.weigth=2", "sources.one.weigth: unknown key; did you mean weight?"),
        ("sources.one=2", "sources.one: must be a table"),
        ("seed=" + "[" * 50_000, "seed: must be a whole number, got '" + "[" * 78 + "…"),
    ],
)
def test_an_override_of_another_form_is_a_fault(override: str, fault: str) -> None:
    assert fault in find_faults(GOOD, override)
