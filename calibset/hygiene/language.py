"""The language of a text, and whether it is an expected one.

Languages are identified by py3langid's naive Bayes model of 140 languages, which comes with its package, so
nothing is downloaded. It is loaded when the first text is identified.
``docs/reference/hygiene.md`` has the confusion figures behind the numbers here.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from calibset.core.documents import Document, Item

if TYPE_CHECKING:
    from calibset.hygiene.language_model import LanguageModel

LEAST_LETTERS = 150
"""Texts with fewer letters can't be identified for certain: Slovak and Czech are mistaken for each other."""

LEAST_SCORE = 0.5
"""The score that the expected languages need together; half Czech and half Slovak has less."""

NO_LANGUAGE = "zxx"
"""The code (ISO 639-2) for numbers, base64 and other strings that are in no language."""

# Of a longer text so many pieces are looked at: its beginning, its middle and its end.
_LONGEST_WHOLE = 900
_PIECES = 3


class Language(NamedTuple):
    """The language that a text was identified as.

    Attributes:
        code: The ISO 639-1 code, or the ISO 639-3 code if there is none, or `NO_LANGUAGE`.
        score: The certainty, 0 to 1, to three decimals.
    """

    code: str
    score: float


@cache
def known_languages() -> frozenset[str]:
    """Return the codes of all languages that can be identified."""
    return frozenset(_load_model().labels)


def spoken_text(item: Item) -> str:
    """Return the text whose language is an item's: of a conversation what its user and assistant say."""
    if isinstance(item, Document):
        return item.text
    return "\n".join(turn.content for turn in item.messages if turn.role in ("user", "assistant"))


def identify_language(text: str) -> Language:
    """Return the language that a text is most likely in.

    If the text has more than 900 characters, only three pieces of 300 are looked at: its beginning, its
    middle and its end.

    Examples:
        >>> identify_language("Poistná zmluva sa uzatvára písomne, ak sa strany nedohodli inak.").code
        'sk'
        >>> identify_language("Pojistná smlouva se uzavírá písemně, pokud není ujednáno jinak.").code
        'cs'
    """
    code, score = _rank_languages(text)[0]
    return Language(code, _round(score))


def find_language_fault(
    text: str, expected: Collection[str], *, least_score: float = LEAST_SCORE
) -> str | None:
    """Return why a text is in none of the expected languages, or None if it is in one.

    A text of fewer than `LEAST_LETTERS` letters passes.

    Args:
        text: Prose; a program or tool calls count as whatever language their words are in.
        expected: Codes of languages, such as ``{"sk", "en"}``.
        least_score: The least sum of the scores of the expected languages.

    Raises:
        ValueError: A code is unknown.

    Examples:
        >>> czech = "Pojišťovna poskytne pojistné plnění do patnácti dnů po skončení šetření. " * 3
        >>> find_language_fault(czech, {"sk"})
        'in cs, not in an expected language'
        >>> find_language_fault(czech, {"cs", "sk"})
    """
    return judge_language(text, expected, least_score=least_score)[0]


def judge_language(
    text: str, expected: Collection[str], *, least_score: float = LEAST_SCORE
) -> tuple[str | None, Language | None]:
    """Return what `find_language_fault` does, and the likeliest language; None if the text is too short."""
    if unknown := sorted(set(expected) - known_languages()):
        raise ValueError(f"unknown language codes: {', '.join(unknown)}")
    if not has_letters(text, LEAST_LETTERS):
        return None, None
    languages = _rank_languages(text)
    likeliest = Language(languages[0][0], _round(languages[0][1]))
    if sum(_round(score) for code, score in languages if code in expected) >= least_score:
        return None, likeliest
    if likeliest.code == NO_LANGUAGE:
        return "in no language", likeliest
    if likeliest.code in expected or likeliest.score < least_score:
        return "in no language for certain", likeliest
    return f"in {likeliest.code}, not in an expected language", likeliest


def _rank_languages(text: str) -> list[tuple[str, float]]:
    languages: list[tuple[str, float]] = _load_model().rank(_sample(text))
    return languages


def _round(score: float) -> float:
    # Sums of 32-bit floats differ in their last digits from one machine to another.
    return round(score, 3)


@cache
def _load_model() -> LanguageModel:
    from calibset.hygiene.language_model import LanguageModel

    return LanguageModel.load()


def _sample(text: str) -> str:
    if len(text) <= _LONGEST_WHOLE:
        return text
    size = _LONGEST_WHOLE // _PIECES
    starts = [number * (len(text) - size) // (_PIECES - 1) for number in range(_PIECES)]
    return " ".join(text[start : start + size] for start in starts)


def has_letters(text: str, least: int) -> bool:
    """Return whether a text has at least so many letters."""
    letters = filter(str.isalpha, text)
    return next(islice(letters, least - 1, None), None) is not None
