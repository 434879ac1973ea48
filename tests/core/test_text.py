from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.text import excerpt, printable, printable_pieces


def test_what_steers_is_spelled_out() -> None:
    assert printable("a\tb\nc\r\x1b\u202e\u061c\ud800") == "a\tb\nc\\r\\x1b\\u202e\\u061c\\ud800"
    assert printable("čaj 😀 \u0301") == "čaj 😀 \u0301"


@given(st.text())
def test_the_pieces_are_the_text(text: str) -> None:
    pieces = list(printable_pieces(text))
    assert "".join(piece for piece, _ in pieces) == printable(text)
    assert all(piece for piece, _ in pieces)
    assert all(piece.startswith("\\") for piece, spelled in pieces if spelled)


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "čaj 😀 \u00a0"])
def test_what_is_harmless_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_an_excerpt_is_short_and_can_be_written() -> None:
    assert excerpt("\ud800" + "x" * 500) == "\ufffd" + "x" * 199
