"""The interface of a target model's tokenizer, whichever library implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text's tokens and where each ends.

    Attributes:
        ids: Token ids, without special tokens added.
        ends: For each token the character offset at which the text may be cut to keep about the tokens
            up to and including this one. Never decreasing, and never inside a character.
    """

    ids: list[int]
    ends: list[int]


class SpecialAffixes(Protocol):
    """The special tokens that a quantizer's call to the tokenizer adds to a text."""

    @property
    def prefix(self) -> tuple[int, ...]:
        """Ids before the text (usually BOS)."""
        ...

    @property
    def suffix(self) -> tuple[int, ...]:
        """Ids after the text."""
        ...


def spell_prefix(tokenizer: Tokenizer) -> str:
    """Return the special tokens that a quantizer's call to the tokenizer puts before a text, as text."""
    spellings = {rank: token for token, rank in tokenizer.special_tokens.items()}
    return "".join(spellings.get(rank, "") for rank in tokenizer.prefix)


class Tokenizer(SpecialAffixes, Protocol):
    """A tokenizer as the quantizer will use it."""

    @property
    def name(self) -> str:
        """The tokenizer's name as the recipe spells it."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the ids."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Every control token's spelling and id."""
        ...

    @property
    def control_ids(self) -> frozenset[int]:
        """The ids that a text has only if it spells a control token, so not that of unknown letters."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for the user; usually none."""
        ...

    @property
    def uncached(self) -> Tokenizer:
        """The same tokenizer, which encodes each text anew, whatever it has met before."""
        ...

    def encode(self, text: str, *, parse_special: bool) -> list[int]:
        """Return the ids of a text, control tokens in it parsed or read as plain text."""
        ...

    def encode_with_ends(self, text: str, *, parse_special: bool) -> Encoded:
        """Return the ids of a text and where each ends in it."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with control tokens spelled out."""
        ...
