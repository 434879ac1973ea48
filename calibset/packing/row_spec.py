"""The requirements of a row, and the check of a finished row.

Joined texts don't have as many tokens as their parts together, and a longer text may even have fewer. So
packing only proposes rows: `RowSpec.check_row` encodes each proposal as the quantizer will, and a row is
yielded only if the check finds no fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from calibset.core.documents import Filtered, Sample
from calibset.tokenizers.base import Tokenizer, spell_prefix
from calibset.tokenizers.truncation import last_token_dominates, text_budget, visible_ids

SEPARATOR = "\n\n"
"""The text between two documents of a row."""

Packed = Sample | Filtered
"""What packing yields: a row, or a document that no row holds."""

RowFault = Literal[
    "too short",
    "one token fills more than half the row",
    "spells a control token",
    "begins with BOS",
]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A row as the quantizer reads it.

    Attributes:
        token_ids: The row's ids, without BOS.
        fault: Why a quantizer would drop the row, or None.
    """

    token_ids: tuple[int, ...]
    fault: RowFault | None


@dataclass(frozen=True, kw_only=True)
class RowSpec:
    """The length a row must have, and the tokenizer that measures it.

    Attributes:
        tokenizer: The target model's tokenizer, as the quantizer will use it.
        seqlen: How many tokens of a row the quantizer reads, its BOS included.
        source: The name of the samples' source.
        parse_special: Whether letters such as ``</s>`` in a document are control tokens.
        max_rows_per_document: How many rows a document fills before others have had their turn.
    """

    tokenizer: Tokenizer
    seqlen: int
    source: str
    parse_special: bool = False
    max_rows_per_document: int = 4

    @property
    def text_budget(self) -> int:
        """How many tokens of the text the quantizer reads: ``seqlen`` minus those that it adds."""
        return text_budget(self.tokenizer, self.seqlen)

    @property
    def slack(self) -> int:
        """How many tokens past ``seqlen`` a row may have for the sake of a better cut."""
        return max(2, self.seqlen // 64)

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """The control tokens that a document may hold, as text."""
        return tuple(self.tokenizer.special_tokens) if self.parse_special else ()

    @cached_property
    def bos_text(self) -> str:
        """The BOS that a document may hold, as text; empty if the quantizer's tokenizer adds none."""
        return spell_prefix(self.tokenizer) if self.parse_special else ""

    def check_row(self, text: str, *, control_tokens: bool = True) -> RowCheck:
        """Encode a row as it will be read back, and find its fault, if any.

        The row must have ``seqlen`` tokens without special tokens, whether the quantizer's
        tokenizer parses control tokens or reads them as plain text; no token may fill more than
        half of what is read; and the BOS that the quantizer adds must be the only one.

        Args:
            text: The row's text.
            control_tokens: Whether the row may hold control tokens.
        """
        parsed = self.tokenizer.encode(text, parse_special=True)
        spelled = parsed
        if not self.tokenizer.control_ids.isdisjoint(parsed):
            if not control_tokens:
                return RowCheck(tuple(parsed), "spells a control token")
            spelled = self.tokenizer.encode(text, parse_special=False)
        return RowCheck(tuple(parsed), self._find_fault(parsed, spelled))

    def _find_fault(self, parsed: list[int], spelled: list[int]) -> RowFault | None:
        if min(len(parsed), len(spelled)) < self.seqlen:
            return "too short"
        prefix = list(self.tokenizer.prefix)
        if prefix and parsed[: len(prefix)] == prefix:
            return "begins with BOS"
        # A quantizer may as well be given a tokenizer that adds nothing.
        windows = [visible_ids(ids, self.tokenizer, self.seqlen) for ids in (parsed, spelled)]
        windows += [ids[: self.seqlen] for ids in (parsed, spelled)]
        if any(last_token_dominates(window, self.seqlen) for window in windows):
            return "one token fills more than half the row"
        return None
