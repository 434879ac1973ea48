from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from calibset.tokenizers.text_pieces import RecentPieces, split_lines

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

# Signs of every class that Tekken's pattern tells apart, and some that Python and Rust may tell apart.
SIGNS = [
    *"aÀǅʰ中1½Ⅷ.,/\"'|_-",
    *" \n\r\t\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000\u200b\u180e",
    *"\u0301\u20dd\ud7ff\U0001f469\u200d",
]


@settings(max_examples=400)
@given(
    text=st.lists(st.one_of(st.sampled_from(SIGNS), st.just("\n"), st.characters()), max_size=24).map("".join)
)
def test_lines_are_read_alone_as_in_their_place(tekken: TekkenTokenizer, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    lines = split_lines(text, tekken.pattern)
    assert "".join(lines) == text
    anew = tekken.uncached
    ids = [token for line in lines for token in anew.encode(line, parse_special=False)]
    assert ids == anew.encode(text, parse_special=False)


def test_a_text_has_lines_where_a_letter_follows_a_line_end(tekken: TekkenTokenizer) -> None:
    assert split_lines("a\n\nb\n c", tekken.pattern) == ["a\n\n", "b\n c"]
    assert split_lines("a\nb", r".|\n") == ["a\nb"]


def test_pieces_are_remembered_up_to_a_bound() -> None:
    recent = RecentPieces(room=10)
    recent.add("12345678", [1])
    assert recent.find("12345678") == [1]
    recent.add("abc", [2])  # a new generation begins
    assert recent.find("12345678") == [1]
    assert recent.find("abc") == [2]
    assert recent.find("none") is None
    recent.add("x" * 2**20, [3])
    assert recent.find("x" * 2**20) is None
    for number in range(5_000):
        recent.add(f"{number:01000}", [number])
    assert recent.find("abc") is None
    assert sum(map(len, (*recent.young, *recent.old))) <= 2 * 2**20
