"""Which language a text is in, and whether that is one that was asked for.

The identifier is py3langid's naive Bayes model over 140 languages, which lies in its package:
nothing is downloaded. ``docs/hygiene.md`` has the confusion figures behind the numbers here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

LEAST_LETTERS = 150
"""Letters below which no language is told: Slovak and Czech are taken for one another there."""

LEAST_SCORE = 0.5
"""The score that the expected languages need together; half Czech and half Slovak has less."""

NO_LANGUAGE = "zxx"
"""The code (ISO 639-2) of numbers, base64 and other strings that are in no language."""

_WHOLE = 900
_PIECES = 3
_UNCERTAIN = "in no language for certain"
_NONE = "in no language"


class Language(NamedTuple):
    """What a text is taken for.

    Attributes:
        code: ISO 639-1, of a language without one ISO 639-3, or `NO_LANGUAGE`.
        score: How certain that is, 0 to 1, to three decimals.
    """

    code: str
    score: float


@dataclass(frozen=True, slots=True)
class LanguageIdentifier:
    """Tells languages apart; the model is loaded by the first text and shared by all identifiers.

    Examples:
        >>> identifier = LanguageIdentifier()
        >>> identifier("Poistná zmluva sa uzatvára na dobu neurčitú, ak sa strany nedohodli inak.").code
        'sk'
        >>> identifier("Pojistná smlouva se uzavírá na dobu neurčitou, pokud není ujednáno jinak.").code
        'cs'
    """

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all languages that it knows."""
        return frozenset(_model().labels)

    def __call__(self, text: str) -> Language:
        """Return the language that a text is most likely in.

        Of a text of more than 900 characters three pieces of 300 are looked at: its beginning, its
        middle and its end.
        """
        return self._ranked(text)[0]

    def fault(self, text: str, expected: Collection[str], *, least_score: float = LEAST_SCORE) -> str | None:
        """Return why a text is in none of the expected languages, or None if it is in one.

        A text of fewer than `LEAST_LETTERS` letters is let through.

        Args:
            text: Prose; a program or tool calls are taken for whatever their words are in.
            expected: Codes of languages, such as ``{"sk", "en"}``.
            least_score: What their scores must come to together.

        Raises:
            ValueError: A code is not known.

        Examples:
            >>> czech = "Pojišťovna poskytne pojistné plnění do patnácti dnů po skončení šetření. " * 3
            >>> identifier = LanguageIdentifier()
            >>> identifier.fault(czech, {"sk"})
            'in cs, not in an expected language'
            >>> identifier.fault(czech, {"cs", "sk"})
        """
        if unknown := sorted(set(expected) - self.codes):
            raise ValueError(f"unknown language codes: {', '.join(unknown)}")
        if not _has_letters(text, LEAST_LETTERS):
            return None
        ranked = self._ranked(text)
        if sum(language.score for language in ranked if language.code in expected) >= least_score:
            return None
        code, score = ranked[0]
        if code == NO_LANGUAGE:
            return _NONE
        if code in expected or score < least_score:
            return _UNCERTAIN
        return f"in {code}, not in an expected language"

    def _ranked(self, text: str) -> list[Language]:
        # Sums of 32-bit floats differ in their last digits from one machine to another.
        return [Language(code, round(score, 3)) for code, score in _model().rank(_sample(text))]


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE  # type: ignore[import-untyped]
    from py3langid.langid import LanguageIdentifier as Model

    return Model.from_model_file(MODEL_FILE, norm_probs=True)


def _sample(text: str) -> str:
    if len(text) <= _WHOLE:
        return text
    size = _WHOLE // _PIECES
    starts = [number * (len(text) - size) // (_PIECES - 1) for number in range(_PIECES)]
    return " ".join(text[start : start + size] for start in starts)


def _has_letters(text: str, least: int) -> bool:
    if len(text) < least:
        return False
    count = 0
    for character in text:
        count += character.isalpha()
        if count == least:
            return True
    return False
