"""How many tokens a quantizer reads of a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from calibset.consumers.base import Acceptance, Given, Lost
from calibset.tokenizers.base import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row and its length.

    Attributes:
        row: The line it stands on, counted from 1.
        tokens: Its tokens without those that a tokenizer puts around it.
        length: With them.
        lost: Why it counts as dropped whatever its length, if it does.
    """

    row: int
    tokens: int
    length: int
    lost: str | None = None

    def accepted(
        self, *, limit: int | None = None, reason: str | None = None, used: bool = True
    ) -> Acceptance:
        """Return what becomes of it where nothing behind ``limit`` is read, and where ``reason`` drops it."""
        why = self.lost or reason
        cut = 0 if limit is None else max(0, self.length - limit)
        return Acceptance(row=self.row, tokens=self.tokens, cut=cut, reason=why, used=used and why is None)


def measured(
    rows: Iterable[Given], tokenizer: Tokenizer, *, parse_special: bool = True, bare: bool = False
) -> list[Measured]:
    """Return the length of each row.

    Args:
        rows: Texts as they are read, or ids.
        tokenizer: The quantizer's.
        parse_special: Whether control tokens in a text are parsed.
        bare: Whether nothing is put around a text.
    """
    return [_one(number, row, tokenizer, parse_special, bare) for number, row in enumerate(rows, 1)]


def count_spelled(rows: Iterable[Given], tokenizer: Tokenizer) -> int:
    """Return how many texts hold letters that a tokenizer may read as a control token."""
    spellings = tuple(tokenizer.special_tokens)
    return sum(isinstance(row, str) and any(one in row for one in spellings) for row in rows)


def _one(number: int, row: Given, tokenizer: Tokenizer, parse_special: bool, bare: bool) -> Measured:
    if isinstance(row, Lost):
        return Measured(row=number, tokens=0, length=0, lost=row.reason)
    if isinstance(row, str):
        tokens = len(tokenizer.encode(row, parse_special=parse_special))
        around = 0 if bare else len(tokenizer.prefix) + len(tokenizer.suffix)
        return Measured(row=number, tokens=tokens, length=tokens + around)
    prefix = tokenizer.prefix
    begun = len(prefix) if prefix and row[: len(prefix)] == prefix else 0
    return Measured(row=number, tokens=len(row) - begun, length=len(row))
