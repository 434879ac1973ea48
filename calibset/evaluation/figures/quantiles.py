"""Percentiles, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibset.evaluation.figures.bootstrap import Array, Interval


def percentiles(values: Array, shares: Sequence[float]) -> list[float]:
    """Return the values below which the given shares of all values lie, by linear interpolation.

    Examples:
        >>> percentiles(np.array([1.0, 2.0, 4.0]), [0.5, 0.75])
        [2.0, 3.0]
    """
    return [float(value) for value in np.quantile(values, shares)]


def percentile_interval(values: Array, share: float, reached: Interval | None) -> Interval | None:
    """Return the interval of a percentile from that of the share of values up to it (Woodruff's method).

    Args:
        values: All values.
        share: The share of values below the percentile.
        reached: The interval of the share of values that are at most the percentile; see `up_to`.
    """
    if reached is None:
        return None
    at_most = float(up_to(values, share).mean())
    low, high = np.clip([share - (reached.high - at_most), share + (at_most - reached.low)], 0.0, 1.0)
    return Interval(*percentiles(values, [float(low), float(high)]))


def up_to(values: Array, share: float) -> Array:
    """Return 1 for each value that is at most the percentile, else 0."""
    return (values <= np.quantile(values, share)).astype(np.float64)
