"""The part of a row that a quantizer reads: the first ``seqlen`` tokens, special ones included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from calibset.tokenizers.base import SpecialAffixes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def text_budget(tokenizer: SpecialAffixes, seqlen: int) -> int:
    """Return how many of a text's tokens are read: ``seqlen`` minus the special tokens around the text.

    Args:
        tokenizer: Any object that knows the special tokens that are added.
        seqlen: How many tokens of a row the quantizer reads.
    """
    return seqlen - len(tokenizer.prefix) - len(tokenizer.suffix)


def visible_ids(ids: Sequence[int], tokenizer: SpecialAffixes, seqlen: int) -> list[int]:
    """Return a text's ids as the quantizer reads them: with special tokens, cut at ``seqlen``.

    Args:
        ids: The text's ids, without special tokens added.
        tokenizer: Any object that knows the special tokens that are added.
        seqlen: How many tokens of a row the quantizer reads.
    """
    return [*tokenizer.prefix, *ids[: text_budget(tokenizer, seqlen)], *tokenizer.suffix]


class VisibleIds(Sequence[int]):
    """The ids that `visible_ids` returns, put together each time they are read: those of many rows take room.

    Args:
        ids: The text's ids, without special tokens added.
        tokenizer: Any object that knows the special tokens that are added.
        seqlen: How many tokens of a row the quantizer reads.
    """

    __slots__ = ("_ids", "_seqlen", "_tokenizer")

    def __init__(self, ids: Sequence[int], tokenizer: SpecialAffixes, seqlen: int) -> None:
        self._ids, self._tokenizer, self._seqlen = ids, tokenizer, seqlen

    def __len__(self) -> int:
        return len(self._read())

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._read()[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._read())

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the ids as an array, without making an object of each."""
        import numpy as np

        read = self._ids[: text_budget(self._tokenizer, self._seqlen)]
        return np.concatenate(
            (self._tokenizer.prefix, read, self._tokenizer.suffix), dtype=dtype or np.int32, casting="unsafe"
        )

    def _read(self) -> list[int]:
        return visible_ids(self._ids, self._tokenizer, self._seqlen)


def last_token_dominates(read: Sequence[int], seqlen: int) -> bool:
    """Return whether the last token that is read makes up more than half of a row.

    AutoRound 0.12.3 to 0.16.1 drops such rows (the filter in ``auto_round/calib_dataset.py``).

    Args:
        read: What the quantizer reads of the row, as `visible_ids` returns it.
        seqlen: How many tokens of a row the quantizer reads.

    Examples:
        >>> last_token_dominates([1, 7, 7, 7], 4), last_token_dominates([1, 2, 7, 7], 4)
        (True, False)
    """
    return len(read) > 1 and seqlen > 2 and list(read).count(read[-1]) > seqlen // 2
