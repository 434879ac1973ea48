"""The holdout: a stream of documents split between two files that share no document."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from calibset.core.seeding import seeded_key

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


def is_held_out(seed: int, source: str, document: str, part: int, whole: int) -> bool:
    """Return whether a document belongs to the ``part`` of ``whole`` that is held out.

    Only the seed, the source and the document's id decide, not what else is read.
    """
    return int.from_bytes(seeded_key(seed, "holdout", source, document)) % whole < part
