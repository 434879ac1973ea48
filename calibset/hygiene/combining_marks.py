"""Combining marks: those that are a part of a word, and a limit on how many a letter may have."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# UAX #15, "Stream-Safe Text Format": 30 is beyond what any language writes. To put a run of n marks
# in order takes Unicode normalisation n² steps.
_MOST = 30
_BLOCKS = ((0x0483, 0x1D00), (0xA66F, 0xAC00), (0x10A00, 0x12000))
_FROM_BLOCKS = re.compile("[" + "".join(f"{chr(start)}-{chr(end - 1)}" for start, end in _BLOCKS) + "]")
# The first by itself, so that the search leaps from one to the next.
_RUN = re.compile(rf"[^\x00-\x7f\w\s][^\x00-\x7f\w\s]{{{_MOST},}}")


def has_vowel_signs(text: str) -> bool:
    """Return whether a text may have marks that spell vowels, as in Hindi or Arabic.

    Latin, Greek and nearly all Cyrillic texts have none.
    """
    return not text.isascii() and _FROM_BLOCKS.search(text) is not None


@cache
def vowel_signs() -> str:
    """Return the marks, each once, with which scripts write vowels and other parts of words."""
    codes = (code for start, end in _BLOCKS for code in range(start, end))
    return "".join(chr(code) for code in codes if unicodedata.category(chr(code)) in {"Mn", "Mc"})


def limit_marks(text: str) -> str:
    r"""Return the text with at most 30 marks on each letter.

    Examples:
        >>> len(limit_marks("a" + "\u0301" * 1000)), limit_marks("á")
        (31, 'á')
    """
    return _RUN.sub(lambda match: _shorten(match.group()), text)


def _shorten(run: str) -> str:
    characters, marks = [], 0
    for character in run:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST:
            characters.append(character)
    return "".join(characters)
