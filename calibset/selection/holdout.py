"""One stream of documents for two files that share none of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from calibset.core.seeding import seeded_key

T = TypeVar("T")


def split_stream(items: Iterator[T], is_held: Callable[[T], bool]) -> tuple[Iterator[T], Iterator[T]]:
    """Return the items that are not held out, and those that are, in order.

    Either may be read first; what comes up for the other in the meantime waits.

    Examples:
        >>> odd, even = split_stream(iter(range(6)), lambda number: number % 2 == 0)
        >>> list(even), list(odd)
        ([0, 2, 4], [1, 3, 5])
    """
    waiting: tuple[deque[T], deque[T]] = (deque(), deque())

    def side(own: int) -> Iterator[T]:
        while True:
            while waiting[own]:
                yield waiting[own].popleft()
            found = next(items, None)
            if found is None:
                return
            waiting[is_held(found)].append(found)

    return side(0), side(1)


def is_held_out(seed: int, source: str, document: str, part: int, whole: int) -> bool:
    """Return whether a document belongs to the ``part`` of ``whole`` that is held out.

    By its id alone, so that it does not depend on what else is read.
    """
    return int.from_bytes(seeded_key(seed, "holdout", source, document)) % whole < part
