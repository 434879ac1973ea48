"""What a choice of rows covers, beside random choices, the whole pool and what the quotas allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from calibset.core.seeding import shuffled
from calibset.selection.coverage import Candidate, TokenSets

_SEEDS = 20
_POINTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Distinct tokens of the first so many rows.

    Attributes:
        rows: How many.
        chosen: In the rows chosen, in their order.
        random_mean: In random choices, in random order, on average.
    """

    rows: int
    chosen: int
    random_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TermCover:
    """What became of the must-cover terms, by number.

    Attributes:
        met: In as many rows as wanted, or in all that hold it.
        missed: In fewer.
        absent: In no row of the pool.
    """

    met: tuple[int, ...]
    missed: tuple[int, ...]
    absent: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageReport:
    """What a choice of rows covers.

    Attributes:
        distinct: Different tokens in the rows chosen.
        random_mean: In random choices under the same quotas, on average.
        random_sd: Their standard deviation (of a sample).
        pool: In all candidates.
        attainable: What no choice under the quotas exceeds.
        terms: What became of the must-cover terms.
        curve: Distinct tokens by number of rows.
    """

    distinct: int
    random_mean: float
    random_sd: float
    pool: int
    attainable: int
    terms: TermCover
    curve: tuple[CurvePoint, ...]

    @property
    def closed(self) -> float | None:
        """The part of the gap between random choice and the pool that is closed; None without one.

        Quotas may leave most of that gap to no choice at all: see `closed_of_attainable`.
        """
        return self._part(self.pool)

    @property
    def closed_of_attainable(self) -> float | None:
        """The part that is closed of the gap between random choice and what the quotas allow."""
        return self._part(self.attainable)

    def _part(self, top: int) -> float | None:
        gap = top - self.random_mean
        return (self.distinct - self.random_mean) / gap if gap > 0 else None


def coverage_report(
    candidates: Sequence[Candidate],
    chosen: Sequence[int],
    quotas: Mapping[str, int],
    *,
    terms: int = 0,
    times: int = 1,
) -> CoverageReport:
    """Say what a choice of rows covers.

    Random choice is measured over 20 seeds, the same ones each time.

    Args:
        candidates: The pool.
        chosen: Positions in it, in the order in which the curve is to count them.
        quotas: Rows wanted of each group.
        terms: How many must-cover terms there are; their numbers are below it.
        times: Rows that each of them is to stand in.
    """
    sets = TokenSets(candidates)
    marks = _marks(len(chosen))
    own = _growth(sets, chosen, marks)
    others = [_growth(sets, at_random(candidates, quotas, seed=seed), marks) for seed in range(_SEEDS)]
    ends = [growth[-1] for growth in others]
    return CoverageReport(
        distinct=own[-1],
        random_mean=fmean(ends),
        random_sd=stdev(ends),
        pool=sets.size,
        attainable=coverage_upper_bound(candidates, quotas, sets),
        terms=term_cover(candidates, chosen, terms=terms, times=times),
        curve=tuple(
            CurvePoint(rows=rows, chosen=count, random_mean=fmean(growth[k] for growth in others))
            for k, (rows, count) in enumerate(zip(marks, own, strict=True))
        ),
    )


def at_random(candidates: Sequence[Candidate], quotas: Mapping[str, int], *, seed: int) -> list[int]:
    """Return a random choice under the quotas, in random order.

    Examples:
        >>> rows = [Candidate(token_ids=(i,), group="ab"[i % 2]) for i in range(6)]
        >>> at_random(rows, {"a": 2, "b": 1}, seed=1)
        [0, 3, 4]
    """
    left = dict(quotas)
    chosen = []
    for index in shuffled(range(len(candidates)), seed, "at_random"):
        group = candidates[index].group
        if left.get(group, 0) > 0:
            left[group] -= 1
            chosen.append(index)
    return shuffled(chosen, seed, "at_random", "order")


def term_cover(
    candidates: Sequence[Candidate], chosen: Iterable[int], *, terms: int, times: int = 1
) -> TermCover:
    """Say which must-cover terms the chosen rows hold as often as wanted.

    Args:
        candidates: The pool.
        chosen: Positions in it.
        terms: How many terms there are; their numbers are below it.
        times: Rows that each is to stand in.
    """
    holders = Counter(term for candidate in candidates for term in candidate.terms)
    held = Counter(term for index in chosen for term in candidates[index].terms)
    there = [term for term in range(terms) if holders[term]]
    return TermCover(
        met=tuple(term for term in there if held[term] >= min(times, holders[term])),
        missed=tuple(term for term in there if held[term] < min(times, holders[term])),
        absent=tuple(term for term in range(terms) if not holders[term]),
    )


def _marks(count: int) -> list[int]:
    """Return numbers of rows, evenly spaced, the last all of them."""
    return sorted({-(-count * k // _POINTS) for k in range(1, _POINTS + 1)})


def _growth(sets: TokenSets, chosen: Sequence[int], marks: Sequence[int]) -> list[int]:
    """Return how many distinct tokens the first so many rows hold, for each mark."""
    held = np.zeros(sets.size, np.bool_)
    found, start = [], 0
    for mark in marks:
        for index in chosen[start:mark]:
            held[sets[index]] = True
        start = mark
        found.append(int(np.count_nonzero(held)))
    return found


# A token's price is a whole number of these parts of a token, so that the bound is exact.
_PARTS = 1 << 12
# Tokens that more rows hold are taken to be covered whatever is chosen.
_COMMON = 32
_STEPS = 100


def coverage_upper_bound(candidates: Sequence[Candidate], quotas: Mapping[str, int], sets: TokenSets) -> int:
    """Return a number of different tokens that no choice under the quotas exceeds.

    By Lagrangian relaxation of maximum coverage: let each token have a price of at most one. No
    choice covers more than the sum, over tokens, of what the price lacks of one, and, over
    groups, of the prices of all tokens in as many rows as the quota says, the dearest ones. That holds for
    any prices; theirs are moved towards a low sum by subgradient steps (Held and Karp, 1971). In
    whole numbers, so that it is the same on every machine.

    Args:
        candidates: The pool.
        quotas: Rows wanted of each group; a group that is not named gives none.
        sets: The tokens of the candidates.
    """
    rows = np.repeat(np.arange(len(sets)), np.diff(sets.ends))
    holders = np.bincount(sets.tokens, minlength=sets.size)
    priced = (holders <= _COMMON)[sets.tokens]
    rows, tokens = rows[priced], sets.tokens[priced]
    price = np.where(holders <= _COMMON, _PARTS // np.maximum(holders, 1), 0)
    groups = _members(candidates, quotas)
    best = sets.size * _PARTS
    for step in range(_STEPS):
        # Sums of whole numbers far below 2**53, so these floats are exact.
        worth = np.bincount(rows, weights=price[tokens], minlength=len(sets)).astype(np.int64)
        taken = np.zeros(len(sets), np.bool_)
        for members, quota in groups:
            taken[members[np.argsort(-worth[members], kind="stable")[:quota]]] = True
        best = min(best, int((_PARTS - price).sum() + worth[taken].sum()))
        covered = np.bincount(tokens[taken[rows]], minlength=sets.size)
        move = np.clip((price < _PARTS).astype(np.int64) - covered, -1, 1)
        price = np.clip(price + move * (_PARTS * 4 // (40 + step)), 0, _PARTS)
        price[holders > _COMMON] = 0
    return best // _PARTS


def _members(
    candidates: Sequence[Candidate], quotas: Mapping[str, int]
) -> list[tuple[NDArray[np.int64], int]]:
    members: dict[str, list[int]] = {group: [] for group, quota in quotas.items() if quota > 0}
    for index, candidate in enumerate(candidates):
        if candidate.group in members:
            members[candidate.group].append(index)
    return [(np.array(indices, np.int64), quotas[group]) for group, indices in members.items()]
