from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest

from calibset.hygiene.options import Decontamination, Hygiene
from calibset.hygiene.text_repair import RepairName
from calibset.recipe.loader import load_recipe, parse_recipe
from calibset.selection.options import Holdout, Selection
from calibset.sources.adapters.text import Text
from tests.recipe.recipes import GOOD, TWO_SOURCES

RECIPES = Path(__file__).parents[2] / "recipes"


def test_a_small_recipe_has_the_usual_defaults() -> None:
    recipe = parse_recipe(GOOD)
    assert (recipe.nsamples, recipe.seqlen, recipe.seed, recipe.tokenizer) == (
        512,
        2048,
        42,
        "mistral-small-3.2",
    )
    assert (recipe.control_tokens, recipe.quantizer, recipe.shortage_policy) == (
        "neutralise",
        "autoround",
        "redistribute",
    )
    source = recipe.sources["one"]
    assert isinstance(source, Text)
    assert (source.where, source.weight, source.licence) == (("corpus",), 1.0, "unknown")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.name)
def test_the_recipes_that_come_along_are_right(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.folder == RECIPES
    assert sum(recipe.mixture.quotas().values()) == recipe.nsamples
    assert recipe.shortage_policy == ("fill" if recipe.fill else "redistribute")


def test_shares_and_weights_are_exact_fractions() -> None:
    text = (
        GOOD.replace("a = 1.0", "a = 0.3\nb = 0.7")
        + 'weight = 0.1\n[sources.two]\ngroup = "b"\ntype = "text"\nwhere = "x"\n'
    )
    mixture = parse_recipe(text).mixture
    assert mixture.shares == {"a": Fraction(3, 10), "b": Fraction(7, 10)}
    assert mixture.weights == {"a": {"one": Fraction(1, 10)}, "b": {"two": Fraction(1)}}


def test_a_recipe_can_not_be_changed() -> None:
    recipe = parse_recipe(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        setattr(recipe, "seed", 1)  # noqa: B010  (a type checker forbids the other)


def test_without_these_tables_near_duplicates_go_characters_are_mended_and_all_else_stays() -> None:
    recipe = parse_recipe(TWO_SOURCES)
    assert recipe.hygiene_of("one") == Hygiene(
        duplicates="near",
        languages=(),
        repairs=get_args(RepairName),
        filters=(),
        boilerplate=False,
        pii="keep",
    )
    assert recipe.decontamination == Decontamination(run=13, containment=0.6, matches="drop")
    assert recipe.selection == Selection(method="random", control_tokens=True, letters="", terms_of=())
    assert (recipe.exclude, recipe.holdout) == ({}, None)


def test_a_sources_own_table_changes_the_keys_that_it_has() -> None:
    lines = 'hygiene = { duplicates = "exact", languages = ["sk", "cs"], boilerplate = true }\n'
    recipe = parse_recipe(lines + TWO_SOURCES + 'hygiene.languages = []\nhygiene.pii = "mask"\n')
    assert recipe.hygiene_of("one") == recipe.hygiene
    assert recipe.hygiene_of("two") == Hygiene(duplicates="exact", boilerplate=True, pii="mask")


def test_one_name_may_stand_for_a_list() -> None:
    recipe = parse_recipe(
        'hygiene = { languages = "sk", filters = "length", repairs = "NFC" }\n'
        f'selection = {{ method = "coverage", terms_of = "one" }}\n{TWO_SOURCES}'
    )
    assert recipe.hygiene == Hygiene(languages=("sk",), filters=("length",), repairs=("NFC",))
    assert recipe.selection.terms_of == ("one",)


def test_evaluation_sets_are_sources_of_no_group_of_the_recipe() -> None:
    recipe = parse_recipe(
        f'{TWO_SOURCES}\n[[exclude]]\nname = "e"\ntype = "text"\nwhere = ["x", "y"]\nseparator = "-"\n'
        '[[exclude]]\nname = "a b/c"\ntype = "jsonl"\nwhere = "z"\n'
    )
    assert list(recipe.exclude) == ["e", "a b/c"]
    assert recipe.exclude["e"] == Text(group="exclude", where=("x", "y"), separator="-")
    assert list(recipe.corpora) == ["one", "two", "e", "a b/c"]
    assert [recipe.key_of(name) for name in ("one", "e")] == ["sources.one", "exclude.e"]
    assert sum(recipe.mixture.quotas().values()) == recipe.nsamples


def test_a_holdout_has_64_rows_beside_the_first_file() -> None:
    assert parse_recipe(f"holdout = {{}}\n{TWO_SOURCES}").holdout == Holdout(nsamples=64, output=None)
