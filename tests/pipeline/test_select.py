from __future__ import annotations

import pytest

from calibset.pipeline.gathering import gathered
from calibset.pipeline.select import Choice, chosen
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.model import Recipe
from calibset.selection.coverage import Candidate, distinct
from calibset.tokenizers import Tokenizer, load_tokenizer
from tests.letters import write_letters
from tests.pipeline.streams import Rows, recipe_of, supplies_of


def coverage(nsamples: int, keys: str, more: str = "") -> str:
    """Return the lines of a recipe that ask for it."""
    return f'{more}\nnsamples = {nsamples}\nselection = {{ method = "coverage", {keys} }}'


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer of single bytes, and of ``<s>`` and ``</s>``."""
    return load_tokenizer(str(write_letters(tmp_path_factory.mktemp("letters"))))


def made(
    recipe: Recipe, letters: Tokenizer, seconds: dict[str, float] | None = None, **sources: Rows
) -> tuple[Choice, dict[str, SourceStream]]:
    supplies = supplies_of(recipe, letters, **sources)
    found = gathered(recipe, supplies, None)
    return chosen(recipe, supplies, found, letters, {} if seconds is None else seconds, None), supplies


def row(letters: str) -> str:
    """Return a text that makes a row, of these letters over and over."""
    text = letters * 32
    while len(text.encode()) > 32:
        text = text[:-1]
    return text + "d" * (32 - len(text.encode()))


# Rows that are short of letters, and two that together have many.
POOR = [row(pair) for pair in ("ab", "ac", "ad", "bc", "bd", "cd")]
RICH = [row("aghijklmnop"), row("bqrstuvwxyz")]


def texts_of(choice: Choice, source: str = "one") -> list[str]:
    return [sample.text for sample in choice.gathered.rows[source]]


def test_by_default_the_rows_that_came_first_are_the_set(letters: Tokenizer) -> None:
    recipe = recipe_of("nsamples = 4", ["one"])
    supplies = supplies_of(recipe, letters, one=POOR + RICH)
    found, seconds = gathered(recipe, supplies, None), dict[str, float]()
    choice = chosen(recipe, supplies, found, letters, seconds, None)
    assert choice == Choice(found, {"one": 4})
    assert (choice.report, choice.terms, seconds) == (None, (), {})
    assert len(supplies["one"].samples) == 4


def test_coverage_takes_rows_of_many_tokens_from_a_pool(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 4"), ["one"])
    seconds: dict[str, float] = {}
    choice, supplies = made(recipe, letters, seconds, one=POOR + RICH)
    assert {text[:3] for text in texts_of(choice)} == {"agh", "bqr"}
    assert choice.pool == {"one": 8}
    assert len(supplies["one"].samples) == 8
    assert choice.report is not None
    # <s>, and all letters but c and d, for which no row is left.
    assert (choice.report.distinct_tokens, choice.report.pool_tokens) == (1 + 22, 1 + 24)
    assert list(seconds) == ["selection"]
    assert seconds["selection"] > 0


def test_no_more_candidates_are_read_than_the_pool_is_large(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 2"), ["one"])
    choice, supplies = made(recipe, letters, one=POOR + RICH)
    assert choice.pool == {"one": 4}
    assert len(supplies["one"].samples) == 4


def test_rows_chosen_keep_the_order_in_which_they_came(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(4, "pool = 2"), ["one"])
    choice, supplies = made(recipe, letters, one=POOR + RICH)
    came = [sample.text for sample in supplies["one"].samples]
    assert texts_of(choice) == [text for text in came if text in texts_of(choice)]
    assert len(texts_of(choice)) == 4


def test_each_source_gives_its_quota_and_one_without_rows_no_candidates(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(4, "pool = 2"), ["one", "two"], fill="rest")
    choice, supplies = made(recipe, letters, one=POOR + RICH, two=POOR, rest=RICH)
    assert {name: len(rows) for name, rows in choice.gathered.rows.items()} == {"one": 2, "two": 2, "rest": 0}
    assert choice.pool == {"one": 4, "two": 4, "rest": 0}
    assert supplies["rest"].tally.documents == 0


def test_a_source_that_runs_short_gives_all_it_has_and_repeats_stay(letters: Tokenizer) -> None:
    lines = coverage(6, "pool = 2", 'shortage = "repeat"')
    choice, _ = made(recipe_of(lines, ["one", "two"]), letters, one=RICH, two=POOR)
    assert choice.pool == {"one": 2, "two": 6}
    assert choice.gathered.repeated == {"one": 1}
    assert texts_of(choice)[2] == texts_of(choice)[0]
    assert len(texts_of(choice, "two")) == len(set(texts_of(choice, "two"))) == 3


def test_the_report_is_of_the_rows_chosen(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(3, "pool = 3"), ["one"])
    choice, _ = made(recipe, letters, one=POOR + RICH)
    rows = [
        Candidate(token_ids=(*letters.prefix, *sample.token_ids[:31]), group="one")
        for sample in choice.gathered.rows["one"]
    ]
    assert choice.report is not None
    assert choice.report.distinct_tokens == distinct(rows, range(3))
    assert choice.report.random_mean < choice.report.distinct_tokens <= choice.report.attainable
    assert choice.report.curve[-1].rows == 3


# --- terms that must be covered -------------------------------------------------------------


def met(choice: Choice) -> tuple[list[str], list[str], list[str]]:
    """Return the terms met, missed, and absent."""
    assert choice.report is not None
    return list(choice.report.terms_met), list(choice.report.terms_missed), list(choice.report.terms_absent)


def test_letters_are_covered_where_some_row_has_them(letters: Tokenizer) -> None:
    rows = [*RICH, row("aľ"), *POOR]
    plain, _ = made(recipe_of(coverage(2, "pool = 8"), ["one"]), letters, one=rows)
    assert not any("ľ" in text for text in texts_of(plain))
    recipe = recipe_of(coverage(2, 'pool = 8, letters = "ľôľ"'), ["one"])
    choice, _ = made(recipe, letters, one=rows)
    assert any("ľ" in text for text in texts_of(choice))
    assert met(choice) == (["<s>", "ľ"], [], ["ô"])


def test_a_letter_beyond_what_is_read_covers_nothing(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(1, 'pool = 4, letters = "ž"'), ["one"])
    # Of its two bytes the first is read; <s> takes the first of 32 places.
    choice, supplies = made(recipe, letters, one=["abcdefghijklmnopqrstuvwxyz0123žx"])
    (sample,) = supplies["one"].samples
    assert "ž" in sample.text
    assert choice.report is not None
    assert list(choice.report.terms_absent) == ["ž"]


def test_control_tokens_that_no_row_holds_are_not_asked_for(letters: Tokenizer) -> None:
    # The tokenizer puts <s> before each row; </s> is nowhere.
    assert set(letters.special_tokens) == {"<s>", "</s>"}
    choice, _ = made(recipe_of(coverage(2, "pool = 4"), ["one"]), letters, one=POOR)
    assert choice.terms == ("<s>",)
    assert met(choice) == (["<s>"], [], [])


def test_control_tokens_that_some_row_holds_are_covered(letters: Tokenizer) -> None:
    lines = coverage(2, "pool = 8", 'control_tokens = "keep"')
    rows = [*RICH, "ab</s>" * 10 + "ab", *POOR]
    choice, _ = made(recipe_of(lines, ["one"]), letters, one=rows)
    assert met(choice) == (["<s>", "</s>"], [], [])
    assert any("</s>" in text for text in texts_of(choice))
    without = coverage(2, "pool = 8, control_tokens = false", 'control_tokens = "keep"')
    choice, _ = made(recipe_of(without, ["one"]), letters, one=rows)
    assert choice.terms == ()
    assert not any("</s>" in text for text in texts_of(choice))


def test_titles_of_a_sources_documents_are_covered_in_rows_of_any_source(letters: Tokenizer) -> None:
    glossary = [{"text": row("ab"), "title": title} for title in ("No-claims Bonus", "bonus", "hail", "…")]
    web = [*RICH, row("no CLAIMS bonus, "), row("bonuses, "), *POOR]
    lines = coverage(4, 'pool = 8, control_tokens = false, terms_of = "words"')
    recipe = recipe_of(lines, ["words", "web"])
    choice, supplies = made(recipe, letters, words=glossary, web=web)
    assert choice.terms == tuple(supplies["words"].titles)
    covered, missed, absent = met(choice)
    assert (sorted(covered), missed, sorted(absent)) == (["No-claims Bonus", "bonus"], [], ["hail", "…"])
    assert any("no CLAIMS bonus" in text for text in texts_of(choice, "web"))


def test_titles_of_other_sources_are_not(letters: Tokenizer) -> None:
    recipe = recipe_of(coverage(2, "pool = 4"), ["one"])
    choice, supplies = made(recipe, letters, one=[{"text": text, "title": "hail"} for text in POOR])
    assert supplies["one"].titles == []
    assert choice.terms == ("<s>",)


def test_a_term_that_the_quotas_leave_no_row_for_is_missed(letters: Tokenizer) -> None:
    rows = [row("aľ"), row("bô"), *POOR]
    lines = coverage(1, 'pool = 8, control_tokens = false, letters = "ľô"')
    choice, _ = made(recipe_of(lines, ["one"]), letters, one=rows)
    covered, missed, absent = met(choice)
    assert (len(covered), len(missed), absent) == (1, 1, [])
    assert {*covered, *missed} == {"ľ", "ô"}


def test_the_choice_is_the_same_each_time(letters: Tokenizer) -> None:
    lines = coverage(3, 'pool = 2, letters = "ľ"')
    recipe = recipe_of(lines, ["one"])
    first, second = (made(recipe, letters, one=[*POOR, row("aľ"), *RICH])[0] for _ in range(2))
    assert first == second
