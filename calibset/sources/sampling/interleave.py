"""Fair samples of corpora of any size, without reading all of them.

A corpus comes in parts (files, row groups, blocks of lines) that are opened when their turn
comes. Of the parts that are open each gives its share in proportion to its size, so that a
prefix holds the same fraction of every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, TypeVar

from calibset.core.seeding import seeded_key, shuffled

T = TypeVar("T")
R = TypeVar("R")

PARTS_AT_ONCE = 32

_THREADS = 8


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a corpus.

    Attributes:
        size: In records or bytes, the same unit for every part that it is weighed against.
        records: What it holds; nothing is opened before the first is asked for.
    """

    size: float
    records: Iterator[T]


def proportionally(
    parts: Iterable[Part[T]], seed: int, *place: str | int, at_once: int = PARTS_AT_ONCE
) -> Iterator[T]:
    """Yield from several parts, from each in proportion to its size.

    Args:
        parts: In seeded order.
        seed: Fixes how the parts are interleaved.
        place: Tells this corpus from others of the same seed.
        at_once: How many are open together, at most.

    Examples:
        >>> parts = [Part(4, iter("aaaa")), Part(2, iter("bb"))]
        >>> "".join(proportionally(parts, 1, "demo"))
        'abaaba'
    """
    for number, batch in enumerate(batches(parts, at_once)):
        turns = [(_offset(seed, *place, number, i) / part.size, i, 0) for i, part in enumerate(batch)]
        heapify(turns)
        while turns:
            _, i, given = heappop(turns)
            record = next(batch[i].records, None)
            if record is not None:
                yield record
                due = (given + 1 + _offset(seed, *place, number, i)) / batch[i].size
                heappush(turns, (due, i, given + 1))


def batches(
    items: Iterable[T], most: int, size: Callable[[T], float] = lambda _: 0, budget: float = inf
) -> Iterator[list[T]]:
    """Yield so many items together, at most, fewer where their sizes would add up to more than the budget.

    Examples:
        >>> list(batches("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
        >>> list(batches([4, 4, 50, 4], 3, size=float, budget=10))
        [[4, 4], [50], [4]]
    """
    batch: list[T] = []
    total = 0.0
    for item in items:
        if batch and total + size(item) > budget:
            yield batch
            batch, total = [], 0.0
        batch.append(item)
        total += size(item)
        if len(batch) == most:
            yield batch
            batch, total = [], 0.0
    if batch:
        yield batch


def drawn(total: int, seed: int, *place: str | int) -> Iterator[int]:
    """Yield the numbers below a total in seeded order, each once; the first cost no list of all.

    Examples:
        >>> list(drawn(6, 42, "demo"))
        [0, 2, 3, 4, 1, 5]
    """
    seen: set[int] = set()
    for attempt in count():
        if 2 * len(seen) >= total:
            break
        number = int.from_bytes(seeded_key(seed, *place, attempt), "big") % total
        if number not in seen:
            seen.add(number)
            yield number
    yield from shuffled((number for number in range(total) if number not in seen), seed, *place, "rest")


def shuffled_in_blocks(
    records: Iterable[T],
    seed: int,
    *place: str | int,
    length: Callable[[T], int],
    most: int = 1_000,
    longest: int = 16 * 2**20,
) -> Iterator[T]:
    """Yield a stream's records, shuffled within blocks.

    A stream is read from its beginning, so a prefix is no fair sample of it.

    Args:
        records: The stream.
        seed: Fixes the order.
        place: Tells this stream from others of the same seed.
        length: Gives a record's length in characters.
        most: Records of a block.
        longest: Characters of a block, unless one record alone has more.
    """
    for number, block in enumerate(batches(records, most, length, longest)):
        yield from shuffled(block, seed, *place, number)


def concurrently(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what a call gives for each item, in order; eight at a time, since each waits for a server."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="calibset")
    try:
        found = list(pool.map(call, items))
    except BaseException:
        # Who interrupts does not want to wait for what is under way.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return found


def _offset(seed: int, *place: str | int) -> float:
    """Return a number from 0 to 1, so that parts of one size don't all begin at once."""
    return int.from_bytes(seeded_key(seed, *place)[:6], "big") / 2**48
