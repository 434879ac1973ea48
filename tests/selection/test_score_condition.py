"""Conditions on scores: what they mean, and that nothing else passes."""

from __future__ import annotations

import re
from contextlib import suppress

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.selection.score_columns import MEASURES
from calibset.selection.score_condition import check_condition, find_names, parse_condition

SCORES = polars.DataFrame(
    {
        "language": ["sk", "cs", None, "en"],
        "language_score": [0.95, 0.5, None, 1.0],
        "tokens": [500, 40, 300, 200],
        "verdict": [None, "repeated words", None, None],
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("language_score > 0.9 and tokens >= 200", [0, 3]),
        ("not language_score > 0.9", [1]),
        ('language in ["sk", "cs"] or tokens == 200', [0, 1, 3]),
        ('language not in ("sk", "cs")', [3]),
        ("tokens in [40, 200.0, 1_000]", [1, 3]),
        ("tokens not in (40, 200)", [0, 2]),
        ("language_score in [1, 0.5]", [1, 3]),
        ("language is None", [2]),
        ("verdict is not None", [1]),
        ("100 < tokens <= 300", [2, 3]),
        ("tokens * 2 - 80 < 1", [1]),
        ("-tokens / 10 == -50", [0]),
        ("tokens * tokens * tokens * tokens > 60_000_000_000", [0]),
        ("10_000_000_000 * 10_000_000_000 * tokens > 0", [0, 1, 2, 3]),
        ("tokens / (tokens - 40) > 0", [0, 2, 3]),
        ("\n  tokens >= 200  # of the target\n  and language is not None\n", [0, 3]),
        ("tokens > 100 # and language == 'cs'", [0, 2, 3]),
    ],
)
def test_a_condition_says_which_documents_meet_it(condition: str, rows: list[int]) -> None:
    assert check_condition(condition) == condition
    met = SCORES.with_row_index("row").filter(parse_condition(condition))
    assert met["row"].to_list() == rows


def test_the_names_that_a_condition_uses() -> None:
    assert find_names("tokens > 1 and language == 'sk' and tokens < 9") == ("language", "tokens")
    assert find_names("") == ()


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("__import__('os').getcwd() == 'x'", "is not allowed"),
        ("tokens.real > 1", "'tokens.real' is not allowed"),
        ("[tokens for tokens in (1,)] == 1", "is not allowed"),
        ("(lambda: 1)() > 1", "is not allowed"),
        ("tokens ** 9 ** 9 > 1", "is not allowed"),
        ("tokens > True", "'True' is not allowed"),
        ("price > 1", "there is no 'price', only id, verdict, language"),
        ("tokens", "it compares nothing; write a comparison"),
        ("language == sk", "there is no 'sk', only id"),
        ("language in ('sk')", 'behind "in" stands a list'),
        ("language in []", 'behind "in" stands a list'),
        ("tokens > 1 AND words > 1", "it is no comparison that can be read"),
        ("tokens > 1 & words > 1", "'1 & words' is not allowed"),
        ("tokens > 'many'", "\"'many'\" is not a number"),
        ("language > 1", "'1' is not a text"),
        ("language in [tokens]", 'behind "in" stands a list'),
        ("(tokens > 1) == (words > 1)", "compares in a way that is not allowed"),
        ("language = 'sk'", "is no comparison that can be read"),
        ("tokens > 1; words > 1", "is no comparison that can be read"),
        ("(" * 300, "is no comparison that can be read"),
        ("-" * 900 + "tokens > 1", "is nested too deeply"),
        ("tokens > 1" + " and tokens > 1" * 100, "is longer than 1,000 characters"),
        ("tokens > 1" + "0" * 40, "numbers are at most 9,007,199,254,740,992"),
        ("tokens > 1e999", "numbers are at most 9,007,199,254,740,992"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str, fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        parse_condition(condition)


_WORDS = (*MEASURES, "and", "not", ">", "in", "(", ")", "1", "'a'", ".", "[", "]")


@given(st.text(max_size=60) | st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_condition(text), polars.Expr)


def test_a_lean_installation_is_told_what_scores_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.selection.score_columns.find_spec", lambda _name: None)
    with pytest.raises(
        RecipeError, match=r"^scores need the package polars, which is not installed: pip install"
    ):
        check_condition("tokens > 1")
