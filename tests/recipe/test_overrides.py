from __future__ import annotations

from typing import Any

import pytest

from calibset.recipe.overrides import apply_override


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
    ("override", "says"),
    [
        ("seed", "must read key.path=value, such as sources.pile.weight=2"),
        ("a..b=1", "must read key.path=value, such as sources.pile.weight=2"),
        ("seed.x=1", "seed is a value, not a table"),
        ("sources.piel.weight=2", "no source 'piel'; did you mean pile?"),
        ("sources.zzz.weight=2", "no source 'zzz'; there are pile, a.b"),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(override: str, says: str) -> None:
    raw = recipe()
    assert apply_override(raw, override) == [f"--set {override}: {says}"]
    assert raw == recipe()
