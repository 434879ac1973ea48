"""Records of many parts, interleaved so that every prefix is a fair sample.

A corpus comes in parts (files, row groups, blocks of lines) that are opened when their turn
comes. Each open part gives records in proportion to its size, so that a prefix holds the same
fraction of every one of them.
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

MAX_OPEN_PARTS = 32
"""How many parts are open at once, at most: a source of which few rows are wanted opens fewer at first."""

ORDER = "3"
"""The version of the order in which records are read; docs/explanation/reading.md has its history."""

RECORDS_A_PART = 16
"""How many records are given before one more part is opened."""

_FEWEST_OPEN_PARTS = 4
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a corpus.

    Attributes:
        size: The part's size in records or bytes, the same unit for all parts that are interleaved.
        records: The part's records; nothing is opened before the first is requested.
    """

    size: float
    records: Iterator[T]


def interleave(
    parts: Iterable[Part[T]],
    seed: int,
    *seed_path: str | int,
    at_once: int = MAX_OPEN_PARTS,
    first: int = MAX_OPEN_PARTS,
) -> Iterator[T]:
    """Yield items from several parts at once, from each in proportion to its size.

    Parts are opened in the order given; the seed and the seed path determine how they are interleaved.

    Args:
        parts: The parts.
        seed: The seed.
        seed_path: What is interleaved.
        at_once: How many parts are open at once, at most.
        first: How many are open at first; after every 16 items one more is opened.

    Examples:
        >>> parts = [Part(4, iter("aaaa")), Part(2, iter("bb"))]
        >>> "".join(interleave(parts, 1, "demo"))
        'abaaba'
    """
    for number, batch in enumerate(split_into_batches(parts, at_once)):
        # From 0 to 1, so that parts of one size don't all take their turns at once.
        offsets = [
            int.from_bytes(seeded_key(seed, *seed_path, number, index)[:6], "big") / 2**48
            for index in range(len(batch))
        ]
        begun = [0.0] * min(len(batch), first if number == 0 else at_once)
        turns = [(offsets[index] / batch[index].size, index, 0) for index in range(len(begun))]
        heapify(turns)
        given = ended = 0
        while turns:
            now, index, taken = heappop(turns)
            record = next(batch[index].records, None)
            if record is not None:
                yield record
                given += 1
                turn = begun[index] + (taken + 1 + offsets[index]) / batch[index].size
                heappush(turns, (turn, index, taken + 1))
            else:
                ended += 1
            if len(begun) < min(len(batch), first + ended + given // RECORDS_A_PART):
                index = len(begun)
                begun.append(now)
                heappush(turns, (now + offsets[index] / batch[index].size, index, 0))


def count_first_parts(rows: int) -> int:
    """Return how many parts are open at first, for so many rows that are wanted; all of them for 0.

    Examples:
        >>> [count_first_parts(rows) for rows in (1, 20, 500, 0)]
        [4, 20, 32, 32]
    """
    return min(MAX_OPEN_PARTS, max(_FEWEST_OPEN_PARTS, rows)) if rows else MAX_OPEN_PARTS


def split_into_batches(
    items: Iterable[T],
    length: int,
    size: Callable[[T], float] = lambda _: 0,
    budget: float = inf,
    *,
    first: int | None = None,
) -> Iterator[list[T]]:
    """Yield items in lists of a given length; a list ends sooner if its sizes would exceed the budget.

    The first list may be given another length.

    Examples:
        >>> list(split_into_batches("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
        >>> list(split_into_batches([4, 4, 50, 4], 3, size=float, budget=10))
        [[4, 4], [50], [4]]
    """
    batch: list[T] = []
    total = 0.0
    for item in items:
        if batch and total + size(item) > budget:
            yield batch
            batch, total, first = [], 0.0, None
        batch.append(item)
        total += size(item)
        if len(batch) == (first or length):
            yield batch
            batch, total, first = [], 0.0, None
    if batch:
        yield batch


def draw_indices(total: int, seed: int, *seed_path: str | int) -> Iterator[int]:
    """Yield each number below a total once, in seeded order, without listing all of them at the start.

    Examples:
        >>> list(draw_indices(6, 42, "demo"))
        [0, 2, 3, 4, 1, 5]
    """
    seen: set[int] = set()
    for attempt in count():
        if 2 * len(seen) >= total:
            break
        index = int.from_bytes(seeded_key(seed, *seed_path, attempt), "big") % total
        if index not in seen:
            seen.add(index)
            yield index
    yield from shuffled((index for index in range(total) if index not in seen), seed, *seed_path, "rest")


def shuffle_in_batches(
    records: Iterable[T],
    seed: int,
    *seed_path: str | int,
    length: Callable[[T], int],
    batch_records: int = 1_000,
    batch_length: int = 16 * 2**20,
) -> Iterator[T]:
    """Yield a stream's records, shuffled within batches of a number of records or characters.

    A stream is read from its beginning, so a prefix is not a fair sample of it.
    """
    for number, batch in enumerate(split_into_batches(records, batch_records, length, batch_length)):
        yield from shuffled(batch, seed, *seed_path, number)


def map_concurrently(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return the results of a call for each item, in order; eight calls wait for a server at a time."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="calibset")
    try:
        results = list(pool.map(call, items))
    except BaseException:
        # Who interrupts does not want to wait for what is under way.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return results
