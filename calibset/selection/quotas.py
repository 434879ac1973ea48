"""Quotas: how many samples each source gives, and which source stands in for one that runs short.

The arithmetic is on exact fractions. Shares count samples; a quantizer reads exactly ``seqlen`` tokens of
each sample, so shares of samples are shares of tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from calibset.core.shortage import Shortage, ShortagePolicy


def apportion(total: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """Split a whole number into parts by weight.

    Each part is its exact share rounded down, and the units left over go to the largest
    remainders; the first named wins a tie (Hare's method).

    Args:
        total: The number of units, zero or more.
        weights: The weights, at least one of them above zero; they need not sum to 1.

    Examples:
        >>> apportion(512, {"a": Fraction(4), "b": Fraction(3), "c": Fraction(3)})
        {'a': 205, 'b': 154, 'c': 153}
    """
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    parts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: parts[name] - exact[name])
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The mixture that a recipe asks for.

    Attributes:
        nsamples: The number of rows in all.
        shares: Each group's share; shares sum to 1. The fill group has none.
        weights: For each group (the fill group too) its sources' weights.
        fill: The group that stands in for sources that run short, if there is one.
        shortage: What happens when a source runs short.
        max_repeats: How many times a sample may occur in the set under ``repeat``.
    """

    nsamples: int
    shares: Mapping[str, Fraction]
    weights: Mapping[str, Mapping[str, Fraction]]
    fill: str | None
    shortage: ShortagePolicy
    max_repeats: int = 1

    def quotas(self) -> dict[str, int]:
        """Return each source's quota: largest remainder over groups, then over their sources."""
        quotas = dict.fromkeys((source for group in self.weights.values() for source in group), 0)
        for group, quota in apportion(self.nsamples, self.shares).items():
            quotas.update(apportion(quota, self.weights[group]))
        return quotas

    def next_quotas(self, samples: Mapping[str, int], exhausted: Iterable[str]) -> dict[str, int] | Shortage:
        """Return how many more samples to ask of each source, after some ran short.

        Under ``fill``, the missing samples are asked of the fill group by weight; under
        ``redistribute``, of the other sources of the group, and only then of the fill group; under
        ``repeat``, they are made up by repeats (see `repeats`), so no more are asked.

        Args:
            samples: How many samples each source has given so far.
            exhausted: The sources that are used up.

        Returns:
            Additional samples by source, none when the set is complete; or the shortage, if the policy
            leaves no way to complete it.
        """
        exhausted = frozenset(exhausted)
        quotas = self.quotas()
        missing = self.nsamples - sum(samples.values())
        if missing == 0:
            return {}
        if self.shortage == "error":
            return self._shortage(samples, exhausted)
        if self.shortage == "repeat":
            return {}
        more: dict[str, int] = {}
        for group in self.shares if self.shortage == "redistribute" else ():
            lacking = sum(quotas[s] for s in self.weights[group]) - sum(
                samples[s] for s in self.weights[group]
            )
            others = {s: w for s, w in self.weights[group].items() if s not in exhausted}
            if lacking > 0 and others:
                more.update(apportion(lacking, others))
                missing -= lacking
        if missing > 0:
            fillers = {s: w for s, w in self.weights.get(self.fill or "", {}).items() if s not in exhausted}
            if not fillers:
                return self._shortage(samples, exhausted)
            more.update(apportion(missing, fillers))
        return {source: count for source, count in more.items() if count}

    def repeats(self, samples: Mapping[str, int]) -> dict[str, int] | Shortage:
        """Return how many rows of each source must be repeats for the set to be complete.

        A sample may occur in the set ``max_repeats`` times; if that is not enough, the shortage is returned.
        """
        quotas = self.quotas()
        lacking = {
            source: quotas[source] - count for source, count in samples.items() if count < quotas[source]
        }
        if any(samples[s] + missing > samples[s] * self.max_repeats for s, missing in lacking.items()):
            return self._shortage(samples, frozenset(lacking))
        return lacking

    def _shortage(self, samples: Mapping[str, int], exhausted: frozenset[str]) -> Shortage:
        quotas = self.quotas()
        fills = self.shortage in ("fill", "redistribute")
        empty = tuple(name for name in self.weights.get(self.fill or "", {}) if name in exhausted)
        return Shortage(
            samples=dict(samples),
            quotas=quotas,
            short=tuple(name for name in quotas if name in exhausted and samples[name] < quotas[name]),
            nsamples=self.nsamples,
            policy=self.shortage,
            fill=self.fill if fills else None,
            fill_sources=empty if fills else (),
        )


def interleave(counts: Mapping[str, int]) -> list[str]:
    """Return each name as often as its count, in an order whose prefixes all keep the proportions.

    Among the first ``k`` names, each occurs its exact share of ``k`` times, rounded up or down: of the
    names that may come without running ahead, the one that is due first comes next (Steiner and
    Yeomans, "Level schedules for mixed-model, just-in-time processes", 1993).

    Examples:
        >>> interleave({"a": 3, "b": 2, "c": 1})
        ['a', 'b', 'a', 'b', 'a', 'c']
    """
    total = sum(counts.values())
    placed = dict.fromkeys(counts, 0)
    order: list[str] = []
    for k in range(1, total + 1):
        ready = [name for name, count in counts.items() if placed[name] * total < count * k]
        # Due at the first index where its share has grown by one more whole unit.
        chosen = min(ready, key=lambda name: -(-(placed[name] + 1) * total // counts[name]))
        placed[chosen] += 1
        order.append(chosen)
    return order
