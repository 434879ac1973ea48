"""The words of a text are the same however it is spelled, spaced, or marked up."""

from __future__ import annotations

import re
import unicodedata
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Conversation, Document, Message, Tool, ToolCall
from calibset.hygiene.combining_marks import has_vowel_signs, vowel_signs
from calibset.hygiene.words import LocatedWord, all_words_of, locate_words, split_words, words_of
from tests.hygiene.altered import redressed

# What European texts are made of; letters whose capitals are one letter each.
LETTERS = "abcxyzáäčďéíĺľňóôŕšťúýžßřěůőűéàçñöøαβγδωабвгдяїж0123456789"
ORDINARY_WORD = st.text(LETTERS, min_size=1, max_size=12)
ORDINARY = st.text(LETTERS + LETTERS.upper() + " \n\t.,;:!?()«»„“–-'/…北京あ한국\u00ad\u200b", max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("— … !?", []),
        ("Havarijné poistenie", ["havarijné", "poistenie"]),
        ("snake_case_name", ["snake", "case", "name"]),
        ("it's e-mail", ["it", "s", "e", "mail"]),
        ("3.14 and 1,000", ["3", "14", "and", "1", "000"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ", "σίσυφοσ"]),
        ("\ufb01ne ﬁne", ["fine", "fine"]),
        ("x² and ５", ["x2", "and", "5"]),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected


@pytest.mark.parametrize(
    ("wikitext", "plain"),
    [
        ("well @-@ known", "well-known"),
        ("1 @,@ 234 @.@ 5 km", "1,234.5 km"),
        (" = = Early life = = \n", "Early life"),
        ('He said : " no " ; it \'s <unk> .', 'He said: "no"; it\'s.'),
        ("( born 12 May 1967 )", "(born 12 May 1967)"),
    ],
)
def test_the_spacing_of_wikitext_is_no_difference(wikitext: str, plain: str) -> None:
    assert split_words(wikitext) == split_words(plain)


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("<b>bold</b> <br/>text", ["bold", "text"]),
        ('<a href="https://example.com/a?b=c" class="x">link</a>', ["link"]),
        ("<unk> said", ["said"]),
        ("a &amp; b&nbsp;c &#8211; d", ["a", "b", "c", "d"]),
        ("a &AMP; b", ["a", "b"]),
        ("it&#x27;s &#X2019;done", ["it", "s", "done"]),
        ("the [[Bratislava|capital]] of [[Slovakia]]", ["the", "capital", "of", "slovakia"]),
        ("1 < 2 and 3 > 2", ["1", "2", "and", "3", "2"]),
        ("R&D, Q&A", ["r", "d", "q", "a"]),
        ("poi&scaron;&#357;ov&#x148;a &Scaron;T&Aacute;T", ["poišťovňa", "štát"]),
        ("po&shy;ist&nbsp;n&eacute; &lt;b&gt;", ["poist", "né", "b"]),
        ("a <b\nc> d", ["a", "b", "c", "d"]),
        ("<" + "a" * 300 + ">", ["a" * 300]),
        ("&nbspx", ["nbspx"]),
        ("[[open|shut", ["shut"]),
        ("[[no end", ["no", "end"]),
    ],
)
def test_tags_entities_and_targets_of_links_say_nothing(marked: str, expected: list[str]) -> None:
    assert split_words(marked) == expected
    assert [place.word for place in locate_words(marked)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("保险合同。", ["保", "险", "合", "同"]),
        ("GPTは便利です", ["gpt", "は", "便", "利", "で", "す"]),
        ("보험 계약", ["보", "험", "계", "약"]),
        ("2024年5月", ["2024", "年", "5", "月"]),
        ("ประกันภัย 5", ["ป", "ร", "ะ", "ก", "น", "ภ", "ย", "5"]),
        ("น้ำ", ["น", "า"]),
    ],
)
def test_scripts_without_spaces_count_by_letter(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
    assert [place.word for place in locate_words(text)] == expected


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\u200c", "\u200d"])
def test_what_stands_unseen_inside_a_word_is_no_part_of_it(unseen: str) -> None:
    assert split_words(f"poist{unseen}né plnenie") == ["poistné", "plnenie"]
    assert locate_words(f"poist{unseen}né plnenie") == [
        LocatedWord("poistné", 0, 8),
        LocatedWord("plnenie", 9, 16),
    ]


@pytest.mark.parametrize(
    "control", ["\x00", "\x07", "\x1f", "\x7f", "\x85", "\x96", "\u2028", "\ufffd", "\uf0b7"]
)
def test_control_and_private_characters_part_words(control: str) -> None:
    assert split_words(f"one{control}two") == ["one", "two"]
    assert locate_words(f"one{control}two") == [LocatedWord("one", 0, 3), LocatedWord("two", 4, 7)]


def test_a_byte_order_mark_says_nothing() -> None:
    assert split_words("\ufeffone two") == ["one", "two"]


def test_lone_surrogates_part_words() -> None:
    assert split_words("one\ud800two") == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("बीमा कंपनी नुकसान की भरपाई करती है", ["बीमा", "कंपनी", "नुकसान", "की", "भरपाई", "करती", "है"]),
        ("காப்பீடு ஒப்பந்தம்", ["காப்பீடு", "ஒப்பந்தம்"]),
        ("مُحَمَّد محمد", ["محمد", "محمد"]),
        ("שָׁלוֹם שלום", ["שלום", "שלום"]),
    ],
)
def test_vowel_signs_are_a_part_of_their_word(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
    assert split_words(unicodedata.normalize("NFD", text)) == expected
    assert [place.word for place in locate_words(text)] == expected


# --- Properties -------------------------------------------------------------------------------


@given(st.lists(ORDINARY_WORD, max_size=30), st.integers(0, 2**32))
def test_case_spacing_and_punctuation_make_no_difference(text: list[str], seed: int) -> None:
    assert split_words(redressed(text, Random(seed))) == split_words(" ".join(text))


@given(ORDINARY, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_ways_to_compose_letters_make_no_difference(text: str, form: str) -> None:
    assert split_words(unicodedata.normalize(form, text)) == split_words(text)


@given(ORDINARY)
def test_words_of_words_are_the_same_words(text: str) -> None:
    assert split_words(" ".join(split_words(text))) == split_words(text)


@given(ORDINARY, ORDINARY)
def test_texts_that_are_parted_by_a_line_have_their_words_one_behind_the_other(one: str, two: str) -> None:
    assert split_words(f"{one}\n{two}") == split_words(one) + split_words(two)


@given(st.text(max_size=200))
def test_any_text_has_words_without_marks_spaces_or_capitals(text: str) -> None:
    for word in split_words(text):
        assert word
        assert word.casefold() == word
        assert word[0].isalnum()
        assert all(letter.isalnum() or unicodedata.category(letter) in {"Mn", "Mc"} for letter in word)


@given(ORDINARY, st.sampled_from(["NFC", "NFD"]))
def test_located_words_are_the_words_and_their_places(text: str, form: str) -> None:
    text = unicodedata.normalize(form, text)
    located = locate_words(text)
    assert [place.word for place in located] == split_words(text)
    for word, start, end in located:
        assert 0 <= start < end <= len(text)
        assert word in split_words(text[start:end])


@given(st.text(max_size=200))
def test_places_lie_in_the_text_and_in_order(text: str) -> None:
    before = (0, 0)
    for word, start, end in locate_words(text):
        # What is composed of several words (½, ㈱) gives them one place.
        assert before[1] <= start < end <= len(text) or (start, end) == before
        assert word in split_words(text[start:end])
        before = start, end


@given(st.lists(ORDINARY_WORD, min_size=1, max_size=10))
def test_places_slice_the_text_as_it_is(text: list[str]) -> None:
    joined = " – ".join(text)
    assert [joined[start:end] for _, start, end in locate_words(joined)] == text


# --- Large and hostile texts ------------------------------------------------------------------

HOSTILE = {
    "tags that never end": "<a ",
    "tags that never end, packed": "<a",
    "entities that never end": "&amp",
    "links that never end": "[[a",
    "brackets": "[",
    "bars": "[[a|",
    "soft hyphens": "a\u00ad",
    "marks": "e\u0301",
    "one word": "é",
    "one word of ASCII": "a",
    "spaces": " ",
    "underscores": "_",
    "Chinese": "险",
    "Hindi": "\u0928\u093f",
    "vowel signs": "\u093f",
    "one word of Hindi": "\u0928",
    "Thai": "น้ำ",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_great_many_of_the_same_are_read_alike(piece: str) -> None:
    text = piece * (2**16 // len(piece))
    assert [place.word for place in locate_words(text)] == split_words(text)


# --- Of documents and conversations -----------------------------------------------------------


def test_words_of_a_document_are_those_of_its_text() -> None:
    assert words_of(Document(id="1", text="The <i>Sum</i> insured", metadata={"title": "Nothing"})) == [
        "the",
        "sum",
        "insured",
    ]


def test_words_of_a_conversation_are_those_of_its_turns_and_calls() -> None:
    conversation = Conversation(
        id="1",
        messages=(
            Message(role="system", content="You are a helpful assistant."),
            Message(role="user", content="Weather in Žilina?"),
            Message(
                role="assistant",
                content="",
                tool_calls=(ToolCall(id="abc", name="get_weather", arguments='{"city": "Žilina"}'),),
            ),
            Message(role="tool", content='{"sky": "clear"}', tool_call_id="abc"),
            Message(role="assistant", content="Clear."),
        ),
        tools=(Tool(name="get_weather", description="Tells the weather", parameters="{}"),),
    )
    expected = "weather in žilina get weather city žilina sky clear clear"
    assert words_of(conversation) == expected.split()


def test_words_of_turns_do_not_run_together() -> None:
    turns = (Message(role="user", content="a <b"), Message(role="assistant", content="c> d"))
    assert words_of(Conversation(id="1", messages=turns)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "text", ["Java™ and 5㎏ at 20 ℃", "İstanbul", "か\u3099 が", "x²½", "a" + "\u0301\u0316" * 40]
)
def test_signs_and_marks_are_read_alike_with_and_without_places(text: str) -> None:
    assert [place.word for place in locate_words(text)] == split_words(text)


def test_a_run_of_marks_takes_time_in_proportion() -> None:
    assert split_words("a" + "\u0301\u0316" * 200_000) == ["á"]


CALL = ToolCall(
    id="abc", name="find_page", arguments='{"query": "line\\nwho \\u017dilina", "top": [5, 1.50, true]}'
)
ASKED = Conversation(
    id="1",
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="one\\nwho\\\\ttwo"),
        Message(role="assistant", content="", tool_calls=(CALL,)),
        Message(role="tool", content='[{"text": "a\\nb", "none": null}]', tool_call_id="abc"),
        Message(role="assistant", content="{no JSON\\n}"),
    ),
    tools=(
        Tool(
            name="find_page",
            description="Finds a page",
            parameters='{"type": "object", "properties": {"query": {"type": "string", "description": '
            '"What to find", "enum": ["x"]}}, "required": ["query"]}',
        ),
        Tool(name="broken", description="", parameters="{who"),
    ),
)


def test_all_words_are_those_of_tools_and_every_turn_as_they_were_before_they_were_json() -> None:
    tools = "find page finds a page query what to find x broken who"
    call = "find page query line who žilina top 5 1 50 true"
    turns = f"be brief one who two {call} text a b none no json"
    assert all_words_of(ASKED) == f"{tools} {turns}".split()


def test_arguments_are_read_as_json_for_duplicates_too() -> None:
    assert "nwho" in words_of(ASKED)
    assert words_of(ASKED)[3:14] == split_words("find page query line who žilina top 5 1 50 true")


def test_all_words_of_a_document_are_its_words() -> None:
    text = "The <i>Sum</i> insured\\nwho"
    assert all_words_of(Document(id="1", text=text)) == split_words(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5_000, "NaN", '"\\ud800 x"'])
def test_any_arguments_have_words(text: str) -> None:
    call = ToolCall(id="1", name="f", arguments=text)
    turn = Message(role="assistant", content=text, tool_calls=(call,))
    assert "f" in all_words_of(Conversation(id="1", messages=(turn,)))


UNSPACED_AND_OTHERS = (
    "ab_ .\u0300\u0e01\u0e31\u0e33\u0eb3中か\u3099가"
    "\u1100\u1161\u05d0\u05b0\u0628\u064b\u0915\u094d\u093fﬃßｶﾞé٣\u1000\u102c\u1780\u17b6"
)


def split_slowly(text: str) -> list[str]:
    """Return the words of a text without markup, by putting blanks around each unspaced letter."""
    unspaced = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
    text = unicodedata.normalize("NFKC", text)
    text = re.sub("[\u0300-\u036f\u05b0\u064b]", "", re.sub(f"([{unspaced}])", r" \1 ", text).casefold())
    word = rf"[^\W_]+(?:[{vowel_signs()}]+[^\W_]*)*" if has_vowel_signs(text) else r"[^\W_]+"
    return re.findall(word, text.casefold())


@given(st.text(UNSPACED_AND_OTHERS))
def test_letters_of_scripts_without_spaces_are_words_among_others(text: str) -> None:
    assert split_words(text) == split_slowly(text)


def test_a_formula_in_one_character_is_no_words() -> None:
    assert split_words("a \ufdfa b\ufdfb") == ["a", "b"]
