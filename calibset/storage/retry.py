"""Retries for moments when the network fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone a moment later."""

_ATTEMPTS = 8
# A server may ask for a pause, but not for one so long that the build seems to hang.
_LONGEST_PAUSE = 60.0


def retry(call: Callable[[], T], is_transient: Callable[[BaseException], bool]) -> T:
    """Return what a call returns, and call it again while its errors are transient.

    There are eight calls at most. Pauses grow exponentially with jitter up to 10 s each, or last as long
    as the server's Retry-After asks, up to 60 s. The last error is raised as it is.
    """
    import tenacity

    backoff = tenacity.wait_random_exponential(multiplier=0.1, max=10)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(backoff(state), _requested_pause(error))

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=wait,
        retry=tenacity.retry_if_exception(is_transient),
        reraise=True,
    )
    return retrying(call)


def _requested_pause(error: BaseException | None) -> float:
    """Return how many seconds a server's Retry-After asks to wait; a date counts as 0."""
    response: Any = getattr(error, "response", None)
    seconds = "" if response is None else str(response.headers.get("Retry-After", ""))
    return min(float(seconds), _LONGEST_PAUSE) if seconds.isascii() and seconds.isdigit() else 0.0
