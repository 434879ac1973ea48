"""Tokens are spelled as they stand in the text, whole characters alone."""

from __future__ import annotations

from typing import Any

from calibset.evaluation.page.token_texts import spell_token, spell_tokens


class _Bytes:
    """A tokenizer whose tokens are bytes, and which drops a blank at the start, as some do."""

    def __init__(self, *, strips: bool = False) -> None:
        self.strips = strips

    def decode(self, ids: Any) -> str:
        text = bytes(ids).decode("utf-8", "replace")
        return text.removeprefix(" ") if self.strips else text


def _pieces(text: str, *, strips: bool = False) -> list[tuple[int, str]]:
    return list(spell_tokens(list(text.encode()), _Bytes(strips=strips)))  # type: ignore[arg-type]


def test_the_tokens_of_a_character_are_one_piece() -> None:
    assert _pieces("aá€😀") == [(1, "a"), (2, "á"), (3, "€"), (4, "😀")]


def test_a_character_that_is_cut_off_stays_as_it_is() -> None:
    found = list(spell_tokens([0xC3], _Bytes()))  # type: ignore[arg-type]
    assert found == [(1, "\ufffd")]


def test_blanks_stay_where_a_tokenizer_drops_those_at_the_start() -> None:
    assert _pieces("a b", strips=True) == [(1, "a"), (1, " "), (1, "b")]


def test_blanks_of_a_token_on_its_own_are_visible() -> None:
    assert spell_token(ord("\n"), _Bytes()) == "⏎"  # type: ignore[arg-type]
    assert spell_token(ord(" "), _Bytes()) == "␣"  # type: ignore[arg-type]
    assert spell_token(0xC3, _Bytes()) == "#195"  # type: ignore[arg-type]
