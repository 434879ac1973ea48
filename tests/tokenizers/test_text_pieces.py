from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from calibset.tokenizers.text_pieces import RecentPieces, split_text

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

# Signs of every class that Tekken's pattern tells apart, and some that Python and Rust may tell apart.
SIGNS = [
    *"aÀǅʰ中1½Ⅷ.,/\"'|_-",
    *" \n\r\t\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000\u200b\u180e",
    *"\u0301\u20dd\ud7ff\U0001f469\u200d",
]


@given(
    text=st.lists(
        st.one_of(st.sampled_from(SIGNS), st.sampled_from(["\n", " ", ".", ", "]), st.characters()),
        max_size=24,
    ).map("".join)
)
def test_pieces_are_read_alone_as_in_their_place(tekken: TekkenTokenizer, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    pieces = split_text(text, tekken.pattern)
    assert "".join(pieces) == text
    anew = tekken.uncached
    ids = [token for piece in pieces for token in anew.encode(piece, parse_special=False)]
    assert ids == anew.encode(text, parse_special=False)


def test_a_text_is_split_at_clauses_and_lines(tekken: TekkenTokenizer) -> None:
    assert split_text("a\n\nb\n c, d. E 1.5", tekken.pattern) == ["a\n\n", "b\n c,", " d.", " E 1.5", ""]
    assert split_text("a\nb, c", r".|\n") == ["a\nb, c"]


def test_a_text_met_again_is_not_encoded_again(tekken: TekkenTokenizer) -> None:
    class Counting:
        """An encoding that counts the tokens that it gives."""

        tokens = 0

        def encode_ordinary(self, text: str) -> list[int]:
            ids = tekken.engine.encoding.encode_ordinary(text)
            self.tokens += len(ids)
            return ids

    counting: Any = Counting()
    counted = replace(
        tekken, engine=replace(tekken.engine, encoding=counting, recent=RecentPieces(), faster=None)
    )
    ids = counted.encode("One line.\nAnother, longer, line.\n", parse_special=True)
    assert counting.tokens == len(ids)
    counted.encode("</s>Another, longer, line.\nOne line.\n", parse_special=True)
    assert counting.tokens == len(ids)
    counted.uncached.encode("One line.\n", parse_special=True)
    assert counting.tokens > len(ids)


def test_pieces_are_remembered_up_to_a_bound() -> None:
    recent = RecentPieces(room=10)
    encoded: list[str] = []

    def encode(piece: str) -> list[int]:
        encoded.append(piece)
        return [len(piece)]

    assert recent.encode(["12345678"], encode) == [8]
    assert recent.encode(["12345678", "abc"], encode) == [8, 3]  # a new generation begins
    assert recent.encode(["12345678", "abc", "", "none"], encode) == [8, 3, 0, 4]
    assert encoded == ["12345678", "abc", "", "none"]
    for _ in range(2):
        assert recent.encode(["x" * 2**20], encode) == [2**20]
    assert encoded[4:] == ["x" * 2**20] * 2
    for number in range(5_000):
        recent.encode([f"{number:01000}"], encode)
    assert sum(map(len, (*recent.young, *recent.old))) <= 2 * 2**20
    encoded.clear()
    recent.encode(["abc", f"{4_999:01000}"], encode)
    assert encoded == ["abc"]
