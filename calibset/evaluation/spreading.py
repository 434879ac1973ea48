"""A few of many, evenly spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(items: Sequence[T], count: int | None) -> list[T]:
    """Return so many of some items, evenly spread over them; all if there are no more.

    Examples:
        >>> spread("abcdefgh", 3), spread("ab", 3)
        (['a', 'c', 'f'], ['a', 'b'])
    """
    if count is None or len(items) <= count:
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]
