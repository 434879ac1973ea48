"""Which languages the prose of the rows is in, and of how much nothing is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from calibset.dataset.report.rows import Row
from calibset.hygiene.language import LEAST_LETTERS, LEAST_SCORE, identify_language
from calibset.tokenizers import ControlTokens

CONVERSATION = "conversation"
SHORT = "short"
UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So much of the rows' text: parts of documents, and their characters."""

    parts: int
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageMix:
    """What the documents' parts of rows are taken for.

    Attributes:
        told: By language (ISO code), the most characters first.
        by_source: By source and language, the sources by name.
        untold: By why nothing is said: `CONVERSATION` (it holds control tokens), `SHORT` (fewer than
            `LEAST_LETTERS` letters), `UNCERTAIN` (a score under `LEAST_SCORE`).
    """

    told: dict[str, Amount]
    by_source: dict[tuple[str, str], Amount]
    untold: dict[str, Amount]

    @property
    def characters(self) -> int:
        """How many characters the documents' parts have, whether their language is told or not."""
        return sum(amount.characters for amount in (*self.told.values(), *self.untold.values()))


def language_mix(rows: Iterable[Row], control_tokens: ControlTokens) -> LanguageMix:
    """Tell the language of every document's part of a row, where it is prose and long enough."""
    parts: Counter[tuple[str, str]] = Counter()
    characters: Counter[tuple[str, str]] = Counter()
    untold_parts: Counter[str] = Counter()
    untold_characters: Counter[str] = Counter()
    for row in rows:
        for span in row.documents:
            text = row.text[span.start : span.end]
            code, told = _verdict(text, control_tokens)
            if told:
                parts[row.source, code] += 1
                characters[row.source, code] += len(text)
            else:
                untold_parts[code] += 1
                untold_characters[code] += len(text)
    return LanguageMix(
        told=_by_language(parts, characters),
        by_source={
            key: Amount(parts=parts[key], characters=characters[key])
            for key in sorted(parts, key=lambda key: (key[0], -characters[key], key[1]))
        },
        untold={
            reason: Amount(parts=untold_parts[reason], characters=untold_characters[reason])
            for reason in (CONVERSATION, SHORT, UNCERTAIN)
            if untold_parts[reason]
        },
    )


def _verdict(text: str, control_tokens: ControlTokens) -> tuple[str, bool]:
    """Return the language and True, or why none is told and False."""
    if control_tokens.pattern.search(text):
        return CONVERSATION, False
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return SHORT, False
    language = identify_language(text)
    return (language.code, True) if language.score >= LEAST_SCORE else (UNCERTAIN, False)


def _by_language(parts: Counter[tuple[str, str]], characters: Counter[tuple[str, str]]) -> dict[str, Amount]:
    of_parts: Counter[str] = Counter()
    of_characters: Counter[str] = Counter()
    for key in parts:
        of_parts[key[1]] += parts[key]
        of_characters[key[1]] += characters[key]
    ordered = sorted(of_parts, key=lambda code: (-of_characters[code], code))
    return {code: Amount(parts=of_parts[code], characters=of_characters[code]) for code in ordered}
