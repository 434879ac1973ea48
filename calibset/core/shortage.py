"""How far sources fall short of a mixture, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ShortagePolicy = Literal["fill", "redistribute", "repeat", "error"]
"""What happens when a source runs short: see `calibset.selection.quotas.Mixture.next_quotas`."""


_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """How far sources fall short of what a mixture asks of them.

    Attributes:
        samples: How many rows each source has given.
        quotas: How many rows are asked of each source.
        short: The sources that are used up and gave less than their quota.
        nsamples: Rows that the file should have.
        policy: What the recipe wants done when a source runs short.
        fill: The fill group, where none of its sources can stand in; else None.
        fill_sources: The sources of the fill group, all of them used up.
    """

    samples: Mapping[str, int]
    quotas: Mapping[str, int]
    short: tuple[str, ...]
    nsamples: int
    policy: ShortagePolicy
    fill: str | None = None
    fill_sources: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return which sources fall short by how much, and the ways out."""
        samples, quotas = self.samples, self.quotas
        named = [f"{name} gives {samples[name]} of {quotas[name]} rows" for name in self.short[:_MOST_NAMED]]
        if len(self.short) > _MOST_NAMED:
            named.append(f"{len(self.short) - _MOST_NAMED} more sources run short")
        if self.fill_sources:
            named.append(f"the fill group {self.fill} has no more to give")
        return (
            f"mixture: {', '.join(named)}: {sum(samples.values())} of {self.nsamples} rows in all "
            f'(shortage = "{self.policy}"); {self._ways_out()}'
        )

    def _ways_out(self) -> str:
        ways = ["lower nsamples or its weight", "add a source to its group"]
        if self.policy == "error":
            ways.append('set shortage = "redistribute"')
        times = [-(-self.quotas[name] // self.samples[name]) for name in self.short if self.samples[name]]
        if times and self.policy in ("error", "repeat"):
            ways.append(f'set shortage = "repeat" with max_repeats >= {max(times)}')
        return ", or ".join(ways)
