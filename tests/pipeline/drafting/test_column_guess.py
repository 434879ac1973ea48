"""What the columns of a table are taken for."""

from __future__ import annotations

from typing import Any

import pytest

from calibset.pipeline.drafting.column_guess import guess_columns

LONG = "Long enough to be prose, with some words that follow each other."


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (
            {"instruction": "Sum up.", "output": "Done."},
            {"user": "instruction", "assistant": "output"},
        ),
        (
            {"instruction": "Sum up.", "input": "", "output": "Done."},
            {"user": ("instruction", "input"), "assistant": "output"},
        ),
        ({"Prompt": "Why?", "Completion": "So."}, {"user": "Prompt", "assistant": "Completion"}),
        ({"Číslo": "1", "Otázka": "Prečo?", "Odpoveď": "Preto."}, {"user": "Otázka", "assistant": "Odpoveď"}),
        (
            {"Kundenfrage": "Warum?", "Antwort des Kundendienstes": "Darum."},
            {"user": "Kundenfrage", "assistant": "Antwort des Kundendienstes"},
        ),
        (
            {"context": "A tale.", "question": "Who?", "answers": {"text": ["He."], "start": [7]}},
            {"context": "context", "user": "question", "assistant": "answers.text.0"},
        ),
        ({"id": "a1", "title": "Hail", "text": LONG}, ("title", "text")),
        ({"url": "x", "Vertragstext": LONG}, ("Vertragstext",)),
        ({"code": "A1", "remark": LONG, "amount": "12.5"}, ("remark",)),
    ],
)
def test_names_tell(row: dict[str, Any], columns: Any) -> None:
    guess = guess_columns([row])
    assert guess.columns == columns
    assert guess.is_certain


def test_of_two_columns_of_prose_either_may_be_meant() -> None:
    guess = guess_columns([{"left": LONG, "right": LONG + " More."}])
    assert guess.columns == ("right",)
    assert not guess.is_certain
    assert guess.candidates == ("right", "left")


@pytest.mark.parametrize(
    "turn", [{"role": "user", "content": "Hi"}, {"from": "human", "value": "Hi", "weight": 1}]
)
def test_turns_are_known_by_their_keys(turn: dict[str, Any]) -> None:
    assert guess_columns([{"id": 1, "dialog": None}, {"id": 2, "dialog": [turn]}]).turns == "dialog"


def test_numbers_and_codes_are_no_text() -> None:
    assert guess_columns([{"a": "1", "b": 2.5, "c": None, "d": "2024-01-01"}]).columns == ()


def test_earlier_exchanges_are_noticed() -> None:
    row = {"instruction": "And now?", "output": "Now.", "history": [["Then?", "Then."]]}
    assert guess_columns([row]).has_history
