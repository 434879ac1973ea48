"""What a quantizer reads of a row: the part of its tokens, and the rows it refuses to read."""

from __future__ import annotations

from collections.abc import Sequence

from calibset.tokenizers.base import Tokenizer

__all__ = ["is_dominated", "read_of", "room"]


def room(tokenizer: Tokenizer, seqlen: int) -> int:
    """Return how many of a text's tokens are read: ``seqlen`` less the special ones around it."""
    return seqlen - len(tokenizer.prefix) - len(tokenizer.suffix)


def read_of(ids: Sequence[int], tokenizer: Tokenizer, seqlen: int) -> list[int]:
    """Return a text's ids as the quantizer reads them: special tokens around, cut at ``seqlen``."""
    return [*tokenizer.prefix, *ids[: room(tokenizer, seqlen)], *tokenizer.suffix]


def is_dominated(read: Sequence[int], seqlen: int) -> bool:
    """Return whether the last token that is read fills more than half of a row.

    AutoRound 0.12.3 to 0.16.1 drops such rows (the filter in ``auto_round/calib_dataset.py``).

    Examples:
        >>> is_dominated([1, 7, 7, 7], 4), is_dominated([1, 2, 7, 7], 4)
        (True, False)
    """
    return len(read) > 1 and seqlen > 2 and list(read).count(read[-1]) > seqlen // 2
