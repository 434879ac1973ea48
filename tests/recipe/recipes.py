"""Recipes that tests change, and what is wrong with them."""

from __future__ import annotations

import pytest

from calibset.core.errors import RecipeError
from calibset.recipe.loader import parse_recipe

GOOD = """
name = "small"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "corpus"
"""
"""A recipe of one source."""

TWO_SOURCES = """
name = "small"
[groups]
a = 1.0
[sources.one]
group = "a"
type = "text"
where = "corpus"
[sources.two]
group = "a"
type = "text"
where = "other"
"""
"""A recipe of two sources of one group."""


def find_faults(text: str, *overrides: str, allow_code: bool = False) -> list[str]:
    """Return what is wrong with a recipe."""
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, origin="r.toml", overrides=overrides, allow_code=allow_code)
    assert str(caught.value) == "\n".join(caught.value.faults)
    assert all(fault.startswith(("r.toml: ", "--set ")) for fault in caught.value.faults)
    return [fault.removeprefix("r.toml: ") for fault in caught.value.faults]
