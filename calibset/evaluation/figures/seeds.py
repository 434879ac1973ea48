"""Whether two recipes differ by more than the noise of their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calibset.evaluation.figures.bootstrap import CONFIDENCE, Interval
from calibset.evaluation.figures.student import student_quantile


class Spread(NamedTuple):
    """The mean of a figure over several runs, and its standard deviation; None of a single run."""

    mean: float
    deviation: float | None


def spread(figures: Sequence[float]) -> Spread:
    """Return how a figure spreads over runs that differ by their seeds alone."""
    return Spread(float(np.mean(figures)), float(np.std(figures, ddof=1)) if len(figures) > 1 else None)


def difference_interval(one: Sequence[float], another: Sequence[float]) -> Interval | None:
    """Return the 95 % interval of the difference of two means over runs (Welch's), ``one - another``.

    Args:
        one: The figure of each run of a recipe.
        another: The same of another recipe.

    Returns:
        The interval; None if a recipe has a single run, or neither's runs differ: then nothing is known of
        their noise.
    """
    if min(len(one), len(another)) < 2:
        return None
    parts = [float(np.var(runs, ddof=1)) / len(runs) for runs in (one, another)]
    if not (variance := sum(parts)):
        return None
    freedom = variance**2 / sum(
        part**2 / (len(runs) - 1) for part, runs in zip(parts, (one, another), strict=True)
    )
    difference = float(np.mean(one) - np.mean(another))
    reach = student_quantile((1 + CONFIDENCE) / 2, freedom) * variance**0.5
    return Interval(difference - reach, difference + reach)
