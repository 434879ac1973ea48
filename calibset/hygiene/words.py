"""The words of a text, however it is spelled, spaced, or marked up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from calibset.document import Conversation, Document
from calibset.hygiene.marks import stream_safe

__all__ = ["Place", "located_words", "words", "words_of"]

# Tags, entities and the target of a wiki link say nothing.
_MARKUP = re.compile(
    r"</?[a-z][^<>\n]{0,200}>|&(?:[a-z]{2,8}|#\d{1,7}|#x[\da-f]{1,6});|\[\[[^\[\]|\n]{0,200}\|", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")
# Scripts without spaces count by letter.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_LETTER = re.compile(f"[{_UNSPACED}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
# Signs that NFKC makes letters of: ™, ℃, ㎏, 🄰.
_SIGNS = re.compile("(?!\\w)[\u2100-\u214f\u2460-\u24ff\u3200-\u33ff\U0001f100-\U0001f1ff]")
# Marks that no letter takes up: the dot that lower case leaves of İ.
_MARKS = re.compile("[\u0300-\u036f]")
# The same words with their marks (NFD) and what stands unseen inside them, for places in the text as it is.
_LOCATED = re.compile(
    rf"{_MARKUP.pattern}|([{_UNSPACED}][\u3099\u309a]?|[^\W_{_UNSPACED}](?:[^\W_{_UNSPACED}]|[\u0300-\u036f\u00ad\u200b-\u200d])*)",
    re.IGNORECASE,
)


class Place(NamedTuple):
    """A word, and where it stands in its text.

    Attributes:
        word: As `words` returns it.
        start: Its first character.
        end: One past its last.
    """

    word: str
    start: int
    end: int


def words(text: str) -> list[str]:
    """Return the words of a text, composed (NFKC) and casefolded.

    Case, punctuation, spacing, markup, soft hyphens and ways to compose a letter make no
    difference. WikiText's ``@-@`` is punctuation; scripts without spaces (Chinese, Japanese,
    Korean) count by letter.

    Examples:
        >>> words("The <b>well @-@ known</b> [[Bratislava|city]], 1 @,@ 000 &nbsp; HOUSES")
        ['the', 'well', 'known', 'city', '1', '000', 'houses']
        >>> words("The well-known city; 1,000 houses.")
        ['the', 'well', 'known', 'city', '1', '000', 'houses']
    """
    if "<" in text or "&" in text or "[[" in text:
        text = _MARKUP.sub(" ", text)
    if not text.isascii():
        text = _SIGNS.sub(" ", stream_safe(_INVISIBLE.sub("", text)))
        text = unicodedata.normalize("NFKC", text)
        text = _MARKS.sub("", _LETTER.sub(r" \g<0> ", text).casefold())
    return _WORD.findall(text.casefold())


def located_words(text: str) -> list[Place]:
    """Return the words of a text and where they stand in it; slower than `words`.

    Examples:
        >>> located_words("Well @-@ known")
        [Place(word='well', start=0, end=4), Place(word='known', start=9, end=14)]
    """
    return [
        Place(word, *match.span(1))
        for match in _LOCATED.finditer(text)
        if match.group(1)
        for word in words(match.group(1))
    ]


def words_of(item: Document | Conversation) -> list[str]:
    """Return the words of a document; of a conversation those of its turns, one behind the other.

    The tools on offer and the system turn are left out: many conversations share them.
    """
    if isinstance(item, Document):
        return words(item.text)
    return words("\n".join(_turns(item)))


def _turns(conversation: Conversation) -> Iterator[str]:
    for message in conversation.messages:
        if message.role != "system":
            yield message.content
            yield from (f"{call.name} {call.arguments}" for call in message.tool_calls)
