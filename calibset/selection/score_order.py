"""The order in which scored documents are chosen: at random, the best first, or so that they cover most.

However large a corpus is, only the documents that come first in the order are held, `HELD` at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from calibset.core.seeding import seeded_key
from calibset.selection.coverage import Candidate, select_by_coverage

if TYPE_CHECKING:
    import polars

Choice = Literal["random", "quality", "coverage"]
"""How documents are chosen among those that meet the condition."""

HELD = 2**17
"""Documents that are ordered at a time."""

# Documents that coverage is computed over, those that hold most that is rare, and those it is computed for.
_COVERAGE_POOL, _COVERED = 2**15, 2**12
_RARITY = 2**20

Frames = Callable[[], Iterable["polars.DataFrame"]]
"""Gives the documents to choose from, some thousands at a time, always in the same order.

The column `key` names a document; the others are those that `NEEDED` lists.
"""

NEEDED: dict[Choice, tuple[str, ...]] = {
    "random": (),
    "quality": ("quality", "language_score"),
    "coverage": ("held", "held_terms"),
}
"""The columns of scores that each way of choosing looks at."""


def order_keys(frames: Frames, choose: Choice, seed: int, place: str) -> Iterator[int]:
    """Yield the keys of all documents in the order in which they are chosen.

    Args:
        frames: The documents.
        choose: How they are chosen.
        seed: The seed, which orders at random what is equal.
        place: The source's name, so that two sources of a corpus are not ordered alike.
    """
    salt = int.from_bytes(seeded_key(seed, "scores", place)[:8])

    def keyed() -> Iterator[polars.DataFrame]:
        for frame in frames():
            yield frame.with_columns(draw=_draw(frame, salt))

    if choose == "coverage":
        first = _cover(keyed)
        taken = set(first)
        yield from first
        yield from (key for key in _order(keyed, ()) if key not in taken)
    elif choose == "quality":
        yield from _order(keyed, ("quality", "language_score"))
    else:
        yield from _order(keyed, ())


def _draw(frame: polars.DataFrame, salt: int) -> polars.Series:
    """Return a random-looking number for each document, which only its key and the seed decide."""
    import polars

    mixed = frame["key"].to_numpy() + np.uint64(salt)
    # The finaliser of SplitMix64.
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return polars.Series(mixed ^ (mixed >> np.uint64(31)))


def _order(frames: Frames, best: tuple[str, ...]) -> Iterator[int]:
    """Yield keys by some columns, the highest values first, and what is equal by its draw."""
    import polars

    columns = [*best, "draw", "key"]
    after: tuple[float, ...] | None = None
    while True:
        held: polars.DataFrame | None = None
        for frame in frames():
            rows = frame.select(
                *((-polars.col(name).fill_null(0.0)).alias(name) for name in best), "draw", "key"
            )
            if after is not None:
                rows = rows.filter(_is_behind(columns, after))
            held = rows if held is None else polars.concat([held, rows])
            if len(held) > 2 * HELD:
                held = held.sort(columns).head(HELD)
        if held is None or not len(held):
            return
        held = held.sort(columns).head(HELD)
        yield from held["key"].to_list()
        if len(held) < HELD:
            return
        after = held.row(-1)


def _is_behind(columns: list[str], last: tuple[float, ...]) -> polars.Expr:
    import polars

    behind = polars.lit(value=False)
    for name, value in reversed(list(zip(columns, last, strict=True))):
        typed = polars.lit(value, polars.UInt64 if name in ("draw", "key") else polars.Float64)
        behind = (polars.col(name) > typed) | ((polars.col(name) == typed) & behind)
    return behind


def _cover(frames: Frames) -> list[int]:
    """Return the keys of documents that together hold most tokens and terms, in the order they were taken.

    Those are chosen among the documents that hold most of what few others hold.
    """
    import polars

    held, terms = _count(frames, "held"), _count(frames, "held_terms")
    pool: polars.DataFrame | None = None
    for frame in frames():
        worth = _weigh(frame["held"], held) + 64 * _weigh(frame["held_terms"], terms)
        rows = frame.select("key", "draw", "held", "held_terms").with_columns(worth=worth)
        pool = rows if pool is None else polars.concat([pool, rows])
        if len(pool) > 2 * _COVERAGE_POOL:
            pool = _take_worthiest(pool)
    if pool is None or not len(pool):
        return []
    pool = _take_worthiest(pool)
    keys = pool["key"].to_list()
    # Tokens are numbered anew: only those that some candidate holds count.
    numbers = {token: number for number, token in enumerate(sorted(held))}
    candidates = [
        Candidate(token_ids=[numbers[token] for token in tokens], group="", terms=frozenset(own))
        for tokens, own in pool.select("held", "held_terms").iter_rows()
    ]
    return [keys[index] for index in select_by_coverage(candidates, {"": _COVERED})]


def _count(frames: Frames, column: str) -> dict[int, int]:
    """Return how many documents hold each token or term."""
    counts: dict[int, int] = {}
    for frame in frames():
        values, numbers = np.unique(frame[column].explode().drop_nulls().to_numpy(), return_counts=True)
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + number
    return counts


def _weigh(lists: polars.Series, counts: dict[int, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return for each list how rare what it holds is, in all."""
    lengths = lists.list.len().to_numpy().astype(np.int64)
    values = chain.from_iterable(lists.to_list())
    worth = np.fromiter((_RARITY // counts[value] for value in values), np.int64, int(lengths.sum()))
    ends = np.concatenate(([0], np.cumsum(worth)))
    last = np.cumsum(lengths)
    sums: np.ndarray[tuple[int], np.dtype[np.int64]] = ends[last] - ends[last - lengths]
    return sums


def _take_worthiest(pool: polars.DataFrame) -> polars.DataFrame:
    return pool.sort(["worth", "draw", "key"], descending=[True, False, False]).head(_COVERAGE_POOL)
