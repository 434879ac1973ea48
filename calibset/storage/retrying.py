"""Another try where a network failed for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["PASSING_STATUS", "retried"]

T = TypeVar("T")

PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP answers that may be another one a moment later."""

_ATTEMPTS = 8


def retried(call: Callable[[], T], passing: Callable[[BaseException], bool]) -> T:
    """Return what a call returns, trying again while its error is a passing one.

    Waits with exponential backoff and jitter, up to 10 s each, eight tries in all; the last
    error is raised as it is.
    """
    import tenacity

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=10),
        retry=tenacity.retry_if_exception(passing),
        reraise=True,
    )
    return retrying(call)
