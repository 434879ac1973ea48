"""Fair samples of corpora of any size, without reading all of them.

A corpus comes in parts (files, row groups, blocks) that are opened when their turn comes. Of
the parts that are open each gives its share in proportion to its size, so that a prefix holds
the same fraction of every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import islice
from math import inf
from typing import Generic, TypeVar

from calibset.seeding import seeded_key, shuffled

__all__ = ["PARTS_AT_ONCE", "Part", "proportionally", "shuffled_in_blocks"]

T = TypeVar("T")

PARTS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a corpus.

    Attributes:
        size: In bytes or rows, the same unit for every part of the corpus.
        records: What it holds; nothing is opened before the first is asked for.
    """

    size: float
    records: Iterator[T]


def proportionally(
    parts: Iterable[Part[T]], seed: int, *place: str | int, budget: float = inf, at_once: int = PARTS_AT_ONCE
) -> Iterator[T]:
    """Yield from several parts, from each in proportion to its size.

    Args:
        parts: In seeded order.
        seed: Fixes how the parts are interleaved.
        place: Tells this corpus from others of the same seed.
        budget: Size of the parts that are open together, at most, unless one alone is larger.
        at_once: How many are open together, at most.

    Examples:
        >>> parts = [Part(4, iter("aaaa")), Part(2, iter("bb"))]
        >>> "".join(proportionally(parts, 1, "demo"))
        'abaaba'
    """
    for number, batch in enumerate(_batches(parts, budget, at_once)):
        turns = [(_offset(seed, *place, number, i) / part.size, i, 0) for i, part in enumerate(batch)]
        heapify(turns)
        while turns:
            _, i, given = heappop(turns)
            record = next(batch[i].records, None)
            if record is not None:
                yield record
                due = (given + 1 + _offset(seed, *place, number, i)) / batch[i].size
                heappush(turns, (due, i, given + 1))


def shuffled_in_blocks(records: Iterable[T], seed: int, *place: str | int, block: int = 1_000) -> Iterator[T]:
    """Yield a stream's records, shuffled within blocks of so many.

    A stream is read from its beginning, so a prefix is no fair sample of it.
    """
    stream = iter(records)
    number = 0
    while taken := list(islice(stream, block)):
        yield from shuffled(taken, seed, *place, number)
        number += 1


def _batches(parts: Iterable[Part[T]], budget: float, at_once: int) -> Iterator[list[Part[T]]]:
    batch: list[Part[T]] = []
    size = 0.0
    for part in parts:
        if batch and (len(batch) == at_once or size + part.size > budget):
            yield batch
            batch, size = [], 0.0
        batch.append(part)
        size += part.size
    if batch:
        yield batch


def _offset(seed: int, *place: str | int) -> float:
    """Return a number from 0 to 1, so that parts of one size don't all begin at once."""
    return int.from_bytes(seeded_key(seed, *place)[:6], "big") / 2**48
