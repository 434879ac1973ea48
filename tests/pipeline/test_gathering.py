from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Sample
from calibset.core.errors import MixtureError, SourceError
from calibset.pipeline.gathering import Gathered, gathered, in_order, repeating, taken
from calibset.recipe.loader import parse_recipe
from calibset.recipe.model import Recipe
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters
from tests.pipeline.streams import Rows, recipe_of, supplies_of


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of single bytes."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


def texts(word: str, count: int) -> list[str]:
    """Return texts that make a row each, to the letter."""
    return [f"{word} {number:02}: abcdefghijklmnopqrstuvwxyz" for number in range(count)]


def row(source: str, number: int = 0) -> Sample:
    return Sample(text=f"{source} {number}", token_ids=(1,), source=source, documents=())


def counts(rows: Mapping[str, list[Sample]]) -> dict[str, int]:
    return {name: len(own) for name, own in rows.items()}


def test_each_source_gives_its_quota(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 8", ["one", "two"])
    found = gathered(recipe, supplies_of(recipe, letters, one=texts("a", 9), two=texts("b", 9)), None)
    assert counts(found.rows) == {"one": 4, "two": 4}
    assert (found.repeated, found.counts()) == ({}, {"one": 4, "two": 4})
    assert all(sample.source == name for name, own in found.rows.items() for sample in own)


def test_no_more_is_read_of_a_source_than_its_rows_take(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 2", ["one"], fill="rest")
    supplies = supplies_of(recipe, letters, one=texts("a", 9), rest=["x"])
    gathered(recipe, supplies, None)
    assert supplies["one"].tally.documents < 9
    assert supplies["rest"].tally.documents == 0


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("fill", {"one": 2, "two": 4, "rest": 2}),
        ("redistribute", {"one": 2, "two": 6, "rest": 0}),
        ("repeat", {"one": 4, "two": 4, "rest": 0}),
    ],
)
def test_what_runs_short_is_made_up_as_the_policy_says(
    letters: Tokenizer, policy: str, found: dict[str, int]
) -> None:
    recipe = recipe_of(f'nsamples = 8\nshortage = "{policy}"', ["one", "two"], fill="rest")
    supplies = supplies_of(recipe, letters, one=texts("a", 2), two=texts("b", 9), rest=texts("c", 9))
    made = gathered(recipe, supplies, None)
    assert counts(made.rows) == found
    repeated = 2 if policy == "repeat" else 0
    assert made.repeated.get("one", 0) == repeated
    assert made.counts() == {**found, "one": 2}
    assert len({sample.text for sample in made.rows["one"]}) == 2


def test_a_shortage_without_a_way_out_says_what_was_left_out(letters: Tokenizer) -> None:
    recipe = recipe_of('nsamples = 8\nshortage = "error"', ["one", "two"])
    one: Rows = [*texts("a", 2), {"txet": "x"}]
    with pytest.raises(MixtureError) as caught:
        gathered(recipe, supplies_of(recipe, letters, one=one, two=texts("b", 9)), None)
    assert str(caught.value).startswith("mixture: source 'one' gives 2 of 4 samples; ")
    assert str(caught.value).endswith("; left out: of one 1 rejected: no column 'text'")


def test_a_source_with_nothing_in_it_is_an_error(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 8", ["one"])
    with pytest.raises(SourceError, match=r"^sources\.one: one gives nothing to pack$"):
        gathered(recipe, supplies_of(recipe, letters, one=[]), None)


def test_rows_are_taken_on_and_on_and_each_is_told(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 8", ["one"])
    supply = supplies_of(recipe, letters, one=texts("a", 5))["one"]
    told: list[tuple[str, int, int | None]] = []

    def progress(source: str, done: int, asked: int | None) -> None:
        told.append((source, done, asked))

    taken(supply, 2, progress)
    assert (told, supply.exhausted) == ([("one", 1, 2), ("one", 2, 2)], False)
    taken(supply, 4, progress)
    assert told[2:] == [("one", 3, 6), ("one", 4, 6), ("one", 5, 6), ("one", 5, 5)]
    assert supply.exhausted
    taken(supply, 1, None)
    assert len({sample.text for sample in supply.samples}) == 5


def test_repeats_stand_behind_in_the_rows_own_order() -> None:
    rows = {"one": [row("one", number) for number in range(3)], "two": [row("two")]}
    found = repeating(Gathered(rows, {"one": 4}))
    assert [sample.text for sample in found.rows["one"]] == [
        "one 0", "one 1", "one 2", "one 0", "one 1", "one 2", "one 0",
    ]  # fmt: skip
    assert found.rows["two"] == rows["two"]
    assert found.counts() == {"one": 3, "two": 1}


def mixed() -> Recipe:
    tables = "".join(
        f'[sources.{name}]\ngroup = "{group}"\ntype = "text"\nwhere = "x"\n'
        for name, group in (("one", "a"), ("two", "a"), ("three", "b"))
    )
    return parse_recipe(f'name = "made"\n[groups]\na = 0.5\nb = 0.5\n{tables}')


@given(st.fixed_dictionaries({name: st.integers(0, 9) for name in ("one", "two", "three")}))
def test_in_every_prefix_each_group_has_its_part_and_rows_keep_their_order(sizes: dict[str, int]) -> None:
    rows = {name: [row(name, number) for number in range(size)] for name, size in sizes.items()}
    found = in_order(mixed(), rows)
    assert {name: [sample for sample in found if sample.source == name] for name in rows} == rows
    total = len(found)
    group_of = {"one": "a", "two": "a", "three": "b"}
    sums = {"a": sizes["one"] + sizes["two"], "b": sizes["three"]}
    for length in range(total + 1):
        met = Counter(group_of[sample.source] for sample in found[:length])
        assert all(abs(met[group] - length * size / (total or 1)) < 1 for group, size in sums.items())
