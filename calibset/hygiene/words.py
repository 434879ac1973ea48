"""The words of a text, regardless of case, spacing and markup."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import cache
from html import unescape
from typing import NamedTuple

from calibset.core.documents import Conversation, Document, Message
from calibset.hygiene.combining_marks import has_vowel_signs, limit_marks, vowel_signs
from calibset.hygiene.json_strings import extract_schema_texts, extract_texts

_ENTITY = r"&(?:[a-z][a-z\d]{1,7}|#\d{1,7}|#x[\da-f]{1,6});"
# Tags and the target of a wiki link say nothing.
_SILENT = r"</?[a-z][^<>\n]{0,200}>|\[\[[^\[\]|\n]{0,200}\|"
_MARKUP = re.compile(rf"({_ENTITY})|{_SILENT}", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
# Scripts without spaces (Thai, Lao, Burmese, Khmer; Chinese, Japanese, Korean) count by letter.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_LETTER = re.compile(f"[{_UNSPACED}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
# Signs that NFKC makes letters of: ™, ℃, ㎏, 🄰.
# Formulas of Arabic in one character, of which NFKC makes 8 and 18, say no more.
_FORMULAS = "\ufdfa\ufdfb"
_SIGNS = re.compile(
    f"[\u2100-\u214f\u2460-\u24ff\u3200-\u33ff\U0001f100-\U0001f1ff{_FORMULAS}](?:(?<!\\w)|(?<=[{_FORMULAS}]))"
)
# Marks that no letter takes up (the dot that lower case leaves of İ), and those that may as well be left out:
# vowels in Hebrew and Arabic.
_LEFT_OUT = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_MARKS = re.compile(f"[{_LEFT_OUT}]")
# All but Latin letters and punctuation: a text without these has nothing to take out before it is composed,
# and no letters of other scripts.
_UNUSUAL = re.compile("[^\x00-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]")
# As a turn shows a text that was written as JSON twice.
_ESCAPES = re.compile(r"\\+[nrt]")


class LocatedWord(NamedTuple):
    """A word and its position in a text.

    Attributes:
        word: The word as `split_words` returns it.
        start: Index of its first character.
        end: Index after its last character.
    """

    word: str
    start: int
    end: int


class WordPlaces(NamedTuple):
    """The words of a text, and where each starts and ends in it."""

    words: list[str]
    starts: array[int]
    ends: array[int]


def split_words(text: str) -> list[str]:
    """Return the words of a text, composed (NFKC) and casefolded.

    Case, punctuation, spacing, markup, entities, soft hyphens and ways to compose a letter make no
    difference, nor do vowel points in Hebrew and Arabic; vowel signs in other scripts are a part of
    their word. WikiText's ``@-@`` is punctuation. In scripts without spaces (Thai, Lao, Burmese, Khmer,
    Chinese and Japanese) and in Korean, each letter is a word.

    Examples:
        >>> split_words("The <b>well @-@ known</b> [[Bratislava|city]], 1 @,@ 000 &nbsp; HOUSES")
        ['the', 'well', 'known', 'city', '1', '000', 'houses']
        >>> split_words("The well-known city; 1,000 houses.")
        ['the', 'well', 'known', 'city', '1', '000', 'houses']
    """
    if "<" in text or "&" in text or "[[" in text:
        text = _MARKUP.sub(_replace_markup, text)
    if text.isascii():
        return _WORD.findall(text.casefold())
    is_usual = _UNUSUAL.search(text) is None
    if not is_usual:
        text = _SIGNS.sub(" ", limit_marks(_INVISIBLE.sub("", text)))
    text = _MARKS.sub("", unicodedata.normalize("NFKC", text).casefold())
    if is_usual:
        return _WORD.findall(text)
    return _word_pattern(signs=has_vowel_signs(text), unspaced=_LETTER.search(text) is not None).findall(text)


def locate_words(text: str) -> list[LocatedWord]:
    """Return the words of a text with their positions; slower than `split_words`.

    Examples:
        >>> locate_words("Well @-@ known")
        [LocatedWord(word='well', start=0, end=4), LocatedWord(word='known', start=9, end=14)]
    """
    return list(map(LocatedWord, *place_words(text)))


def place_words(text: str) -> WordPlaces:
    """Return what `locate_words` does, in a fifth of the memory."""
    places = WordPlaces([], array("I"), array("I"))
    known: dict[str, list[str]] = {}
    for match in _located_pattern(signs=has_vowel_signs(text)).finditer(text):
        if spelled := match[1]:
            if (words := known.get(spelled)) is None:
                words = known[spelled] = split_words(spelled)
            for word in words:
                places.words.append(word)
                places.starts.append(match.start(1))
                places.ends.append(match.end(1))
    return places


def words_of(record: Document | Conversation) -> list[str]:
    """Return the words of a document, or of a conversation's turns in order.

    The tools on offer and the system turn are left out, because many conversations share them.
    """
    return split_words(text_of(record))


def text_of(record: Document | Conversation) -> str:
    """Return the text whose words `words_of` returns."""
    if isinstance(record, Document):
        return record.text
    return "\n".join(
        text for turn in record.messages if turn.role != "system" for text in _texts_of_turn(turn)
    )


def all_words_of(record: Document | Conversation) -> list[str]:
    r"""Return all words of a document or conversation that a model sees, to compare with evaluation sets.

    For a conversation these are the tools' names, descriptions and parameters (except what every JSON
    Schema says), and all turns, the system turn too. Tool results and turns that are JSON are read as
    JSON, and a literal ``\n`` in other turns separates words, so that a text is found however it was
    written down.
    """
    return split_words(whole_text_of(record))


def whole_text_of(record: Document | Conversation) -> str:
    """Return the text whose words `all_words_of` returns."""
    if isinstance(record, Document):
        return record.text
    texts = [
        text
        for tool in record.tools
        for text in (tool.name, tool.description, *extract_schema_texts(tool.parameters))
    ]
    for turn in record.messages:
        texts += extract_texts(turn.content) if _may_be_json(turn.content) else (turn.content,)
        texts += (text for call in turn.tool_calls for text in (call.name, *extract_texts(call.arguments)))
    return _ESCAPES.sub(" ", "\n".join(texts))


def is_unspaced_letter(word: str) -> bool:
    """Return whether a word is a single letter of a script without spaces."""
    return len(word) == 1 and _LETTER.match(word) is not None


def _replace_markup(match: re.Match[str]) -> str:
    """Return the letter that an entity stands for; other markup parts words."""
    character = unescape(match.group(1) or "")
    return character if character.isalnum() or character == "\u00ad" else " "


@cache
def _word_pattern(*, signs: bool, unspaced: bool) -> re.Pattern[str]:
    """Return the pattern of words; an unspaced letter is one by itself, without its vowel signs."""
    if not unspaced:
        return re.compile(rf"[^\W_]+(?:[{vowel_signs()}]+[^\W_]*)*") if signs else _WORD
    letter = rf"[^\W_{_UNSPACED}]"
    word = rf"{letter}+(?:(?:(?![{_UNSPACED}])[{vowel_signs()}])+{letter}*)*" if signs else rf"{letter}+"
    return re.compile(rf"{word}|(?!_)\w")


@cache
def _located_pattern(*, signs: bool) -> re.Pattern[str]:
    """Return the pattern of words with their marks (NFD) and what stands unseen inside them."""
    letter = rf"[^\W_{_UNSPACED}]"
    inside = rf"{_LEFT_OUT}\u00ad\u200b-\u200d\u2060\ufeff" + (vowel_signs() if signs else "")
    word = rf"(?:{letter}|{_ENTITY})(?:{letter}|{_ENTITY}|[{inside}])*"
    return re.compile(rf"{_SILENT}|([{_UNSPACED}][\u3099\u309a]?|{word})", re.IGNORECASE)


def _texts_of_turn(turn: Message) -> Iterator[str]:
    yield turn.content
    for call in turn.tool_calls:
        yield call.name
        yield from extract_texts(call.arguments)


def _may_be_json(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "[", '"'}
