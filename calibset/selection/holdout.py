"""The holdout: a stream of documents split between two files that share no document."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from calibset.core.seeding import seeded_key
from calibset.selection.options import Holdout

T = TypeVar("T")


def split_stream(items: Iterator[T], is_held_out: Callable[[T], bool]) -> tuple[Iterator[T], Iterator[T]]:
    """Split a stream into the items that are not held out and those that are, each in order.

    Either iterator may be read first; items for the other wait in the meantime.

    Examples:
        >>> odd, even = split_stream(iter(range(6)), lambda number: number % 2 == 0)
        >>> list(even), list(odd)
        ([0, 2, 4], [1, 3, 5])
    """
    waiting: tuple[deque[T], deque[T]] = (deque(), deque())

    def read_side(side: int) -> Iterator[T]:
        while True:
            while waiting[side]:
                yield waiting[side].popleft()
            item = next(items, None)
            if item is None:
                return
            waiting[is_held_out(item)].append(item)

    return read_side(0), read_side(1)


@dataclass(frozen=True)
class HeldOut:
    """Which documents are held out: ``part`` of each ``whole``, by a key of the seed, the source and the id.

    Nothing else decides, so a document never changes sides with what else is read.
    """

    seed: int
    part: int
    whole: int

    @classmethod
    def of(cls, options: Holdout, nsamples: int, seed: int) -> HeldOut:
        """Return what a recipe of ``nsamples`` rows and this seed holds out."""
        own = seed if options.seed is None else options.seed
        if options.share is None:
            return cls(own, options.nsamples, options.nsamples + nsamples)
        share = Fraction(repr(options.share))
        return cls(own, share.numerator, share.denominator)

    def holds(self, source: str, document: str) -> bool:
        """Return whether a document of a source is held out."""
        return int.from_bytes(seeded_key(self.seed, "holdout", source, document)) % self.whole < self.part
