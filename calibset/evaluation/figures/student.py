"""Quantiles of Student's distribution."""

from __future__ import annotations

import numpy as np

_STEPS = 20_001


def student_quantile(share: float, freedom: float) -> float:
    """Return the value below which a share of Student's distribution lies.

    Args:
        share: The share, between 0 and 1.
        freedom: The degrees of freedom, 1 or more; they need not be whole.

    Examples:
        >>> round(student_quantile(0.975, 9), 3)
        2.262
    """
    # With t = sqrt(freedom) * tan(angle), the density of the angle is a power of its cosine.
    angles = np.linspace(-np.pi / 2, np.pi / 2, _STEPS)
    density = np.maximum(np.cos(angles), 0) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return float(np.sqrt(freedom) * np.tan(np.interp(share, below / below[-1], angles)))
