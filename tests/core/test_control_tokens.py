from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calibset.core.errors import TokenizerError
from calibset.tokenizers import ControlTokens

if TYPE_CHECKING:
    from calibset.tokenizers.tekken import TekkenTokenizer

MISTRAL = ("<s>", "</s>", "<unk>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[IMG]", "<SPECIAL_3>")
CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>", "</tool_call>", "<|im_start|>user")
NESTED = ("<<>>", "<>", "[[A]", "[A]", "A]", "aa", "aaa", "a a")
SETS = {"mistral": MISTRAL, "chatml": CHATML, "nested": NESTED}
MARKS = (" ", "\u2060", "\u00ad")


def spelled(spellings: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Texts of the spellings, their parts and what stands in them."""
    letters = sorted({letter for spelling in spellings for letter in spelling})
    parts = [s[i:] for s in spellings for i in range(len(s))] + [
        s[:i] for s in spellings for i in range(len(s))
    ]
    pieces = st.one_of(
        st.sampled_from(spellings),
        st.sampled_from([*parts, *MARKS]),
        st.text(st.sampled_from(letters), max_size=4),
    )
    return st.lists(pieces, max_size=12).map("".join)


def is_broken_up(text: str, broken: str) -> bool:
    """Whether marks were put into the text and nothing else was done to it."""
    mark_set = set(MARKS)
    position = 0
    for character in broken:
        if position < len(text) and character == text[position]:
            position += 1
        elif character not in mark_set:
            return False
    return position == len(text)


@pytest.mark.parametrize("name", SETS)
@given(data=st.data())
def test_no_control_token_is_left_and_no_letter_lost(name: str, data: st.DataObject) -> None:
    spellings = SETS[name]
    tokens = ControlTokens.of(spellings)
    text = data.draw(spelled(spellings))
    broken = tokens.neutralise(text)
    assert not [spelling for spelling in spellings if spelling in broken]
    assert is_broken_up(text, broken)
    assert tokens.count(broken) == 0
    assert tokens.neutralise(broken) == broken
    if not any(spelling in text for spelling in spellings):
        assert broken == text


def longest_first(spellings: tuple[str, ...]) -> re.Pattern[str]:
    """The slow form of the pattern: every spelling as an alternative."""
    return re.compile("|".join(map(re.escape, sorted(spellings, key=lambda s: (-len(s), s)))))


@given(st.lists(st.text(st.sampled_from("<|a>"), min_size=1, max_size=5), min_size=1).map(tuple), st.data())
@example(tuple("a" * length for length in range(1, 40)), None)
def test_the_longest_spelling_is_found_at_each_place(
    spellings: tuple[str, ...], data: st.DataObject | None
) -> None:
    text = data.draw(spelled(spellings)) if data else "a" * 100
    found = ControlTokens.of(spellings).pattern.findall(text)
    assert found == longest_first(spellings).findall(text)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("<<s>s>", "<< s>s>"),
        ("[[INST]INST]", "[[ INST]INST]"),
        ("</s></s>", "< /s>< /s>"),
        ("[/INST][INST]", "[ /INST][ INST]"),
        ("a < /s> b", "a < /s> b"),
        ("[inst]", "[inst]"),
        ("", ""),
    ],
)
def test_spellings_inside_and_beside_each_other(text: str, broken: str) -> None:
    assert ControlTokens.of(MISTRAL).neutralise(text) == broken


@pytest.mark.parametrize(
    ("spellings", "text", "broken"),
    [
        (["ab", "a b"], "ab", "a  b"),
        (["  "], "a  b", "a \u2060 b"),
        (["  ", "\u2060"], "a  b", "a \u00ad b"),
        (["[[A]", "[A]", "A]"], "[[A]", "[ [ A ]"),
        (["abcd", "bcd"], "abcd", "a b cd"),
        (["aba"], "ababa", "a ba ba"),
        (["aa"], "aaaa", "a a a a"),
    ],
)
def test_another_mark_where_a_space_spells_a_token_too(spellings: list[str], text: str, broken: str) -> None:
    assert ControlTokens.of(spellings).neutralise(text) == broken


def test_a_single_character_cannot_be_broken() -> None:
    with pytest.raises(TokenizerError) as caught:
        ControlTokens.of(["§"]).neutralise("a § b")
    assert str(caught.value) == (
        "the control token '§' can't be broken apart in a text that spells it; "
        'set control_tokens = "keep" or leave such documents out'
    )


@pytest.mark.parametrize("spellings", [[], [""], ["", "ab"]])
def test_empty_spellings_match_nowhere(spellings: list[str]) -> None:
    tokens = ControlTokens.of(spellings)
    assert tokens.count("xyz") == 0
    assert tokens.neutralise("xyz") == "xyz"
    assert list(tokens.pieces("xyz")) == [("xyz", False)]


@given(spelled(NESTED))
def test_pieces_are_the_text_and_the_longest_token_wins(text: str) -> None:
    tokens = ControlTokens.of(NESTED)
    pieces = list(tokens.pieces(text))
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece for piece, _ in pieces)
    assert sum(is_control for _, is_control in pieces) == tokens.count(text)
    assert all((piece in NESTED) for piece, is_control in pieces if is_control)
    assert list(tokens.pieces("[[A]aaa")) == [("[[A]", True), ("aaa", True)]


def test_letters_of_regular_expressions_are_plain_letters() -> None:
    tokens = ControlTokens.of(["<|x|>", "a.b", "(c*)"])
    assert tokens.count("<x> axb c (c*) <|x|>") == 2


@given(data=st.data())
def test_a_neutralised_text_reads_the_same_parsed_and_spelled(
    tekken: TekkenTokenizer, data: st.DataObject
) -> None:
    text = data.draw(spelled(MISTRAL)) + data.draw(st.text(max_size=5))
    broken = tekken.control_tokens.neutralise(text)
    assert tekken.encode(broken, parse_special=True) == tekken.encode(broken, parse_special=False)
