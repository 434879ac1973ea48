"""The languages of the prose in the rows, and how much of it can't be identified for certain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from calibset.dataset.report.rows import Row
from calibset.hygiene.language import LEAST_LETTERS, LEAST_SCORE, identify_language
from calibset.tokenizers import ControlTokens

CONVERSATION, SHORT, UNCERTAIN = _REASONS = ("conversation", "short", "uncertain")
"""Why a language isn't identified: control tokens, under `LEAST_LETTERS` letters, under `LEAST_SCORE`."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of parts of documents, and of their characters."""

    parts: int
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageMix:
    """The languages of the documents' parts in rows.

    Attributes:
        identified: Amounts by language (ISO code), the one with the most characters first.
        by_source: Amounts by source and language, the sources sorted by name.
        unidentified: Amounts by reason: `CONVERSATION`, `SHORT` or `UNCERTAIN`.
    """

    identified: dict[str, Amount]
    by_source: dict[tuple[str, str], Amount]
    unidentified: dict[str, Amount]

    @property
    def characters(self) -> int:
        """How many characters all parts have together."""
        return sum(amount.characters for amount in (*self.identified.values(), *self.unidentified.values()))


def identify_languages(rows: Iterable[Row], control_tokens: ControlTokens) -> LanguageMix:
    """Identify the language of each document's part of each row that is prose and long enough."""
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    source_lengths: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        for span in row.documents:
            text = row.text[span.start : span.end]
            key = _language_or_reason(text, control_tokens)
            lengths[key].append(len(text))
            if key not in _REASONS:
                source_lengths[row.source, key].append(len(text))
    amounts = {key: Amount(len(values), sum(values)) for key, values in lengths.items()}
    source_amounts = {key: Amount(len(values), sum(values)) for key, values in source_lengths.items()}
    return LanguageMix(
        identified={
            code: amounts[code]
            for code in sorted(amounts, key=lambda code: (-amounts[code].characters, code))
            if code not in _REASONS
        },
        by_source={
            key: source_amounts[key]
            for key in sorted(
                source_amounts, key=lambda key: (key[0], -source_amounts[key].characters, key[1])
            )
        },
        unidentified={reason: amounts[reason] for reason in _REASONS if reason in amounts},
    )


def _language_or_reason(text: str, control_tokens: ControlTokens) -> str:
    if control_tokens.pattern.search(text):
        return CONVERSATION
    if sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return SHORT
    language = identify_language(text)
    return language.code if language.score >= LEAST_SCORE else UNCERTAIN
