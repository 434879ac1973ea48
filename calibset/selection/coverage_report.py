"""The coverage of a choice of rows, compared with random choices, the pool and what the quotas allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibset.core.fields import Count, Finite, NonNegative
from calibset.core.seeding import shuffled
from calibset.selection.coverage import Candidate, TokenSets

_SEEDS = 20
_POINTS = 8

# A token's price is a whole number of these parts of a token, so that the bound is exact.
_PARTS = 1 << 12
# Tokens that more rows hold are taken to be covered whatever is chosen.
_COMMON = 32
_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A point of the coverage curve: the different tokens in a number of rows.

    Attributes:
        rows: The number of rows.
        chosen: Different tokens in that many of the chosen rows, in their order.
        random_mean: The average for as many randomly chosen rows.
    """

    rows: Count
    chosen: Count
    random_mean: NonNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageReport:
    """The coverage of a choice of rows, compared with random choices, the pool and what the quotas allow.

    Attributes:
        method: How the rows were chosen.
        pool: The number of rows that they were chosen from.
        distinct_tokens: Different tokens in the chosen rows.
        random_mean: Different tokens in random choices under the same quotas, on average over 20 seeds.
        random_sd: The sample standard deviation of that number.
        closed: The part that is closed of the gap between random choice and the pool; None without a
            gap. The quotas may not allow any choice to close most of it: see `closed_of_attainable`.
        closed_of_attainable: The part that is closed of the gap between random choice and what the
            quotas allow; None without a gap.
        pool_tokens: Different tokens in all rows of the pool.
        attainable: An upper bound of the different tokens of any choice under the quotas.
        terms_met: Must-cover terms that enough chosen rows hold: as many as wanted, or all that hold them.
        terms_missed: Must-cover terms that fewer chosen rows hold.
        terms_absent: Must-cover terms that no row of the pool holds.
        curve: Different tokens by number of rows.
    """

    method: Literal["coverage"] = "coverage"
    pool: Count
    distinct_tokens: Count
    random_mean: NonNegative
    random_sd: NonNegative
    closed: Finite | None
    closed_of_attainable: Finite | None
    pool_tokens: Count
    attainable: Count
    terms_met: tuple[str, ...]
    terms_missed: tuple[str, ...]
    terms_absent: tuple[str, ...]
    curve: tuple[CurvePoint, ...]


def report_coverage(
    candidates: Sequence[Candidate],
    chosen: Sequence[int],
    quotas: Mapping[str, int],
    *,
    terms: Sequence[str] = (),
    times: int = 1,
    sets: TokenSets | None = None,
) -> CoverageReport:
    """Measure the coverage of a choice of rows.

    Random choice is measured over the same 20 seeds each time. Means are rounded to 2 decimals and parts
    to 4, as in a manifest.

    Args:
        candidates: The pool.
        chosen: Indexes into the pool, in the order in which the curve counts them.
        quotas: How many rows are wanted of each group.
        terms: The must-cover terms; `Candidate.terms` holds indexes into them.
        times: How many rows should hold each term.
        sets: The tokens of the candidates, if they are known.
    """
    sets = TokenSets(candidates) if sets is None else sets
    marks = _space_marks(len(chosen))
    own = _count_growth(sets, chosen, marks)
    others = [
        _count_growth(sets, choose_at_random(candidates, quotas, seed=seed), marks) for seed in range(_SEEDS)
    ]
    ends = [growth[-1] for growth in others]
    distinct, random_mean = own[-1], fmean(ends)
    attainable = bound_coverage(candidates, quotas, sets)

    def closed(top: int) -> float | None:
        gap = top - random_mean
        return round((distinct - random_mean) / gap, 4) if gap > 0 else None

    met, missed, absent = _sort_terms(candidates, chosen, terms, times)
    return CoverageReport(
        pool=len(candidates),
        distinct_tokens=distinct,
        random_mean=round(random_mean, 2),
        random_sd=round(stdev(ends), 2),
        closed=closed(sets.size),
        closed_of_attainable=closed(attainable),
        pool_tokens=sets.size,
        attainable=attainable,
        terms_met=met,
        terms_missed=missed,
        terms_absent=absent,
        curve=tuple(
            CurvePoint(rows=rows, chosen=count, random_mean=round(fmean(growth[k] for growth in others), 2))
            for k, (rows, count) in enumerate(zip(marks, own, strict=True))
        ),
    )


def choose_at_random(candidates: Sequence[Candidate], quotas: Mapping[str, int], *, seed: int) -> list[int]:
    """Return a random choice under the quotas, in random order.

    Examples:
        >>> rows = [Candidate(token_ids=(i,), group="ab"[i % 2]) for i in range(6)]
        >>> choose_at_random(rows, {"a": 2, "b": 1}, seed=1)
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


def _sort_terms(
    candidates: Sequence[Candidate], chosen: Iterable[int], terms: Sequence[str], times: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the terms that enough of the chosen rows hold, that fewer do, and that no candidate holds."""
    holders = Counter(term for candidate in candidates for term in candidate.terms)
    held = Counter(term for index in chosen for term in candidates[index].terms)
    there = [index for index in range(len(terms)) if holders[index]]
    return (
        tuple(terms[index] for index in there if held[index] >= min(times, holders[index])),
        tuple(terms[index] for index in there if held[index] < min(times, holders[index])),
        tuple(term for index, term in enumerate(terms) if not holders[index]),
    )


def _space_marks(count: int) -> list[int]:
    """Return numbers of rows, evenly spaced, the last all of them."""
    return sorted({-(-count * k // _POINTS) for k in range(1, _POINTS + 1)})


def _count_growth(sets: TokenSets, chosen: Sequence[int], marks: Sequence[int]) -> list[int]:
    """Return, for each mark, how many distinct tokens that many of the first rows hold."""
    held = np.zeros(sets.size, np.bool_)
    counts, start = [], 0
    for mark in marks:
        for index in chosen[start:mark]:
            held[sets[index]] = True
        start = mark
        counts.append(int(np.count_nonzero(held)))
    return counts


def bound_coverage(candidates: Sequence[Candidate], quotas: Mapping[str, int], sets: TokenSets) -> int:
    """Return an upper bound of the different tokens of any choice under the quotas.

    It is found by Lagrangian relaxation of maximum coverage. Let each token have a price of at most 1.
    No choice covers more than the sum of two parts: over all tokens, 1 minus the price; and over all
    groups, the prices of all tokens in the dearest rows, as many as the quota. This holds for any
    prices, so subgradient steps (Held and Karp, 1971) move them towards a low sum. Whole numbers make
    the bound the same on every machine.

    Args:
        candidates: The pool.
        quotas: How many rows are wanted of each group; none of a group that is not named.
        sets: The tokens of the candidates.
    """
    holders = sets.count_holders()
    priced = sets.find(holders <= _COMMON)
    # The priced tokens of the first candidate, then those of the second, and so on.
    tokens, ends = sets.tokens[priced].astype(np.intp), np.searchsorted(priced, sets.ends)
    counts = np.diff(ends)
    price = np.where(holders <= _COMMON, _PARTS // np.maximum(holders, 1), 0)
    groups = _group_members(candidates, quotas)
    best = sets.size * _PARTS
    for step in range(_STEPS):
        sums = np.concatenate(([0], np.cumsum(price[tokens])))
        worth = np.diff(sums[ends])
        taken = np.zeros(len(sets), np.bool_)
        for members, quota in groups:
            taken[members[np.argsort(-worth[members], kind="stable")[:quota]]] = True
        best = min(best, int((_PARTS - price).sum() + worth[taken].sum()))
        covered = np.bincount(tokens[taken.repeat(counts)], minlength=sets.size)
        move = np.clip((price < _PARTS).astype(np.int64) - covered, -1, 1)
        price = np.clip(price + move * (_PARTS * 4 // (40 + step)), 0, _PARTS)
        price[holders > _COMMON] = 0
    return best // _PARTS


def _group_members(
    candidates: Sequence[Candidate], quotas: Mapping[str, int]
) -> list[tuple[NDArray[np.int64], int]]:
    members: dict[str, list[int]] = {group: [] for group, quota in quotas.items() if quota > 0}
    for index, candidate in enumerate(candidates):
        if candidate.group in members:
            members[candidate.group].append(index)
    return [(np.array(indices, np.int64), quotas[group]) for group, indices in members.items()]
