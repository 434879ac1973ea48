from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Sample
from calibset.core.errors import MixtureError, SourceError
from calibset.pipeline.select import FileSpec, SelectedSamples, order_samples, repeat_samples, select_samples
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.loader import parse_recipe
from calibset.recipe.model import Recipe
from calibset.selection.coverage import Candidate
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters
from tests.pipeline.streams import Rows, new_context, recipe_of, streams_of
from tests.selection.pools import count_distinct_tokens


def coverage(nsamples: int, keys: str, more: str = "") -> str:
    """Return the lines of a recipe that ask for it."""
    return f'{more}\nnsamples = {nsamples}\nselection = {{ method = "coverage", {keys} }}'


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of single bytes, and of ``<s>`` and ``</s>``."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


def select(
    recipe: Recipe, letters: Tokenizer, **sources: Rows
) -> tuple[SelectedSamples, dict[str, SourceStream]]:
    context = new_context(recipe, letters)
    streams = streams_of(context, **sources)
    return select_samples(context, streams, FileSpec.of_calibration(recipe)), streams


def row(letters: str) -> str:
    """Return a text that makes a row, of these letters over and over."""
    text = letters * 32
    while len(text.encode()) > 32:
        text = text[:-1]
    return text + "d" * (32 - len(text.encode()))


# Rows that are short of letters, and two that together have many.
POOR = [row(pair) for pair in ("ab", "ac", "ad", "bc", "bd", "cd")]
RICH = [row("aghijklmnop"), row("bqrstuvwxyz")]


def texts_of(selected: SelectedSamples, source: str = "one") -> list[str]:
    return [sample.text for sample in selected.samples if sample.source == source]


# --- collected until the quotas are met -----------------------------------------------------


def texts(word: str, count: int) -> list[str]:
    """Return texts that make a row each, to the letter."""
    return [f"{word} {number:02}: abcdefghijklmnopqrstuvwxyz" for number in range(count)]


def sample(source: str, number: int = 0) -> Sample:
    return Sample(text=f"{source} {number}", token_ids=(1,), source=source, documents=())


def counts(selected: SelectedSamples) -> dict[str, int]:
    return {name: len(texts_of(selected, name)) for name in selected.quotas}


def test_each_source_gives_its_quota(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 8", ["one", "two"])
    selected, streams = select(recipe, letters, one=texts("a", 9), two=texts("b", 9))
    assert (counts(selected), selected.repeated) == ({"one": 4, "two": 4}, {})
    assert all(texts_of(selected, name) == [one.text for one in streams[name].samples] for name in streams)


def test_no_more_is_read_of_a_source_than_its_rows_take(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 2", ["one"], fill="rest")
    _, streams = select(recipe, letters, one=texts("a", 9), rest=["x"])
    assert streams["one"].stats.documents < 9
    assert streams["rest"].stats.documents == 0


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
    selected, _ = select(recipe, letters, one=texts("a", 2), two=texts("b", 9), rest=texts("c", 9))
    assert counts(selected) == found
    assert selected.repeated.get("one", 0) == (2 if policy == "repeat" else 0)
    assert selected.pool == {**found, "one": 2}
    assert len(set(texts_of(selected))) == 2


def test_a_shortage_without_a_way_out_says_what_was_left_out(letters: Tokenizer) -> None:
    recipe = recipe_of('nsamples = 8\nshortage = "error"', ["one", "two"])
    one: Rows = [*texts("a", 2), {"txet": "x"}]
    with pytest.raises(MixtureError) as caught:
        select(recipe, letters, one=one, two=texts("b", 9))
    assert str(caught.value).startswith("mixture: one gives 2 of 4 rows: 6 of 8 rows in all ")
    assert str(caught.value).endswith("; left out: of one 1 rejected: no column 'text'")


def test_a_source_with_nothing_in_it_is_an_error(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 8", ["one"])
    with pytest.raises(SourceError, match=r"^sources\.one: one holds no usable document$"):
        select(recipe, letters, one=[])


def test_progress_follows_each_source(letters: Tokenizer) -> None:
    recipe = recipe_of('nsamples = 6\nshortage = "fill"', ["one"], fill="rest")
    calls: list[tuple[str, int, int | None]] = []

    def progress(source: str, done: int, asked: int | None) -> None:
        calls.append((source, done, asked))

    context = replace(new_context(recipe, letters), progress=progress)
    streams = streams_of(context, one=texts("a", 2), rest=texts("b", 9))
    select_samples(context, streams, FileSpec.of_calibration(recipe))
    assert calls == [
        ("one", 1, 6), ("one", 2, 6), ("one", 2, 2),
        ("rest", 1, 4), ("rest", 2, 4), ("rest", 3, 4), ("rest", 4, 4),
    ]  # fmt: skip


def test_a_stream_goes_on_where_it_was(letters: Tokenizer) -> None:
    stream = streams_of(new_context(recipe_of("nsamples = 8", ["one"]), letters), one=texts("a", 5))["one"]
    assert len(list(stream.take(2))) == 2
    assert not stream.exhausted
    assert len(list(stream.take(4))) == 3
    assert stream.exhausted
    assert list(stream.take(1)) == []
    assert len({one.text for one in stream.samples}) == 5


def test_repeats_stand_behind_in_the_rows_own_order() -> None:
    rows = {"one": [sample("one", number) for number in range(3)], "two": [sample("two")]}
    repeated = repeat_samples(rows, {"one": 4})
    assert [one.text for one in repeated["one"]] == [
        "one 0", "one 1", "one 2", "one 0", "one 1", "one 2", "one 0",
    ]  # fmt: skip
    assert repeated["two"] == rows["two"]


def mixed() -> Recipe:
    tables = "".join(
        f'[sources.{name}]\ngroup = "{group}"\ntype = "text"\nwhere = "x"\n'
        for name, group in (("one", "a"), ("two", "a"), ("three", "b"))
    )
    return parse_recipe(f'name = "made"\n[groups]\na = 0.5\nb = 0.5\n{tables}')


@given(st.fixed_dictionaries({name: st.integers(0, 9) for name in ("one", "two", "three")}))
def test_in_every_prefix_each_group_has_its_part_and_rows_keep_their_order(sizes: dict[str, int]) -> None:
    rows = {name: [sample(name, number) for number in range(size)] for name, size in sizes.items()}
    found = order_samples(mixed().mixture, rows)
    assert {name: [one for one in found if one.source == name] for name in rows} == rows
    total = len(found)
    group_of = {"one": "a", "two": "a", "three": "b"}
    sums = {"a": sizes["one"] + sizes["two"], "b": sizes["three"]}
    for length in range(total + 1):
        met = Counter(group_of[one.source] for one in found[:length])
        assert all(abs(met[group] - length * size / (total or 1)) < 1 for group, size in sums.items())


# --- chosen by coverage ---------------------------------------------------------------------


def test_by_default_the_rows_that_came_first_are_the_set(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 4", ["one"])
    context = new_context(recipe, letters)
    streams = streams_of(context, one=POOR + RICH)
    selected = select_samples(context, streams, FileSpec.of_calibration(recipe))
    assert list(selected.samples) == streams["one"].samples
    assert (selected.pool, selected.quotas, selected.repeated) == ({"one": 4}, {"one": 4}, {})
    assert (selected.coverage, context.timings.seconds.get("selection")) == (None, None)
    assert len(streams["one"].samples) == 4


def test_coverage_takes_rows_of_many_tokens_from_a_pool(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 4"), ["one"])
    context = new_context(recipe, letters)
    streams = streams_of(context, one=POOR + RICH)
    selected = select_samples(context, streams, FileSpec.of_calibration(recipe))
    assert {text[:3] for text in texts_of(selected)} == {"agh", "bqr"}
    assert selected.pool == {"one": 8}
    assert len(streams["one"].samples) == 8
    assert selected.coverage is not None
    # <s>, and all letters but c and d, for which no row is left.
    assert (selected.coverage.distinct_tokens, selected.coverage.pool_tokens) == (1 + 22, 1 + 24)
    assert context.timings.seconds["selection"] > 0


def test_no_more_candidates_are_read_than_the_pool_is_large(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 2"), ["one"])
    selected, streams = select(recipe, letters, one=POOR + RICH)
    assert selected.pool == {"one": 4}
    assert len(streams["one"].samples) == 4


def test_rows_chosen_keep_the_order_in_which_they_came(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(4, "pool = 2"), ["one"])
    selected, streams = select(recipe, letters, one=POOR + RICH)
    came = [sample.text for sample in streams["one"].samples]
    assert texts_of(selected) == [text for text in came if text in texts_of(selected)]
    assert len(texts_of(selected)) == 4


def test_each_source_gives_its_quota_and_one_without_rows_no_candidates(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(4, "pool = 2"), ["one", "two"], fill="rest")
    selected, streams = select(recipe, letters, one=POOR + RICH, two=POOR, rest=RICH)
    assert {name: len(texts_of(selected, name)) for name in streams} == {"one": 2, "two": 2, "rest": 0}
    assert selected.pool == {"one": 4, "two": 4, "rest": 0}
    assert streams["rest"].stats.documents == 0


def test_a_source_that_runs_short_gives_all_it_has_and_repeats_stay(letters: Tokenizer) -> None:
    lines = coverage(6, "pool = 2", 'shortage = "repeat"')
    selected, _ = select(recipe_of(lines, ["one", "two"]), letters, one=RICH, two=POOR)
    assert selected.pool == {"one": 2, "two": 6}
    assert selected.repeated == {"one": 1}
    assert texts_of(selected)[2] == texts_of(selected)[0]
    assert len(texts_of(selected, "two")) == len(set(texts_of(selected, "two"))) == 3


def test_the_report_is_of_the_rows_chosen(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(3, "pool = 3"), ["one"])
    selected, _ = select(recipe, letters, one=POOR + RICH)
    rows = [
        Candidate(token_ids=(*letters.prefix, *sample.token_ids[:31]), group="one")
        for sample in selected.samples
    ]
    assert selected.coverage is not None
    assert selected.coverage.distinct_tokens == count_distinct_tokens(rows, range(3))
    assert selected.coverage.random_mean < selected.coverage.distinct_tokens <= selected.coverage.attainable
    assert selected.coverage.curve[-1].rows == 3


# --- terms that must be covered -------------------------------------------------------------


def met(selected: SelectedSamples) -> tuple[list[str], list[str], list[str]]:
    """Return the terms met, missed, and absent."""
    assert selected.coverage is not None
    return (
        list(selected.coverage.terms_met),
        list(selected.coverage.terms_missed),
        list(selected.coverage.terms_absent),
    )


def test_letters_are_covered_where_some_row_has_them(letters: Tokenizer) -> None:
    rows = [*RICH, row("aľ"), *POOR]
    plain, _ = select(recipe_of(coverage(2, "pool = 8"), ["one"]), letters, one=rows)
    assert not any("ľ" in text for text in texts_of(plain))
    recipe = recipe_of(coverage(2, 'pool = 8, letters = "ľôľ"'), ["one"])
    selected, _ = select(recipe, letters, one=rows)
    assert any("ľ" in text for text in texts_of(selected))
    assert met(selected) == (["<s>", "ľ"], [], ["ô"])


def test_a_letter_beyond_what_is_read_covers_nothing(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(1, 'pool = 4, letters = "ž"'), ["one"])
    # Of its two bytes the first is read; <s> takes the first of 32 places.
    selected, streams = select(recipe, letters, one=["abcdefghijklmnopqrstuvwxyz0123žx"])
    (sample,) = streams["one"].samples
    assert "ž" in sample.text
    assert selected.coverage is not None
    assert list(selected.coverage.terms_absent) == ["ž"]


def test_control_tokens_that_no_row_holds_are_not_asked_for(letters: Tokenizer) -> None:
    # The tokenizer puts <s> before each row; </s> is nowhere.
    assert set(letters.special_tokens) == {"<s>", "</s>"}
    selected, _ = select(recipe_of(coverage(2, "pool = 4"), ["one"]), letters, one=POOR)
    assert met(selected) == (["<s>"], [], [])


def test_control_tokens_that_some_row_holds_are_covered(letters: Tokenizer) -> None:
    lines = coverage(2, "pool = 8", 'control_tokens = "keep"')
    rows = [*RICH, "ab</s>" * 10 + "ab", *POOR]
    selected, _ = select(recipe_of(lines, ["one"]), letters, one=rows)
    assert met(selected) == (["<s>", "</s>"], [], [])
    assert any("</s>" in text for text in texts_of(selected))
    without = coverage(2, "pool = 8, control_tokens = false", 'control_tokens = "keep"')
    selected, _ = select(recipe_of(without, ["one"]), letters, one=rows)
    assert met(selected) == ([], [], [])
    assert not any("</s>" in text for text in texts_of(selected))


def test_titles_of_a_sources_documents_are_covered_in_rows_of_any_source(letters: Tokenizer) -> None:
    glossary = [{"text": row("ab"), "title": title} for title in ("No-claims Bonus", "bonus", "hail", "…")]
    web = [*RICH, row("no CLAIMS bonus, "), row("bonuses, "), *POOR]
    lines = coverage(4, 'pool = 8, control_tokens = false, terms_of = "words"')
    recipe = recipe_of(lines, ["words", "web"])
    selected, streams = select(recipe, letters, words=glossary, web=web)
    assert sorted(streams["words"].stats.titles) == sorted(("No-claims Bonus", "bonus", "hail", "…"))
    covered, missed, absent = met(selected)
    assert (sorted(covered), missed, sorted(absent)) == (["No-claims Bonus", "bonus"], [], ["hail", "…"])
    assert any("no CLAIMS bonus" in text for text in texts_of(selected, "web"))


def test_titles_of_other_sources_are_not(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 4"), ["one"])
    selected, streams = select(recipe, letters, one=[{"text": text, "title": "hail"} for text in POOR])
    assert streams["one"].stats.titles == []
    assert met(selected) == (["<s>"], [], [])


def test_a_term_that_the_quotas_leave_no_row_for_is_missed(letters: Tokenizer) -> None:
    rows = [row("aľ"), row("bô"), *POOR]
    lines = coverage(1, 'pool = 8, control_tokens = false, letters = "ľô"')
    selected, _ = select(recipe_of(lines, ["one"]), letters, one=rows)
    covered, missed, absent = met(selected)
    assert (len(covered), len(missed), absent) == (1, 1, [])
    assert {*covered, *missed} == {"ľ", "ô"}


def test_the_choice_is_the_same_each_time(letters: Tokenizer) -> None:
    lines = coverage(3, 'pool = 2, letters = "ľ"')
    recipe = recipe_of(lines, ["one"])
    first, second = (select(recipe, letters, one=[*POOR, row("aľ"), *RICH])[0] for _ in range(2))
    assert (first.samples, first.coverage) == (second.samples, second.coverage)
