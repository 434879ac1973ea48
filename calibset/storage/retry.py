"""Another try where a network failed for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP answers that may be another one a moment later."""

_ATTEMPTS = 8
# A server may ask for a pause, but not for one that looks as if the build hung.
_LONGEST_PAUSE = 60.0


def retry(call: Callable[[], T], passing: Callable[[BaseException], bool]) -> T:
    """Return what a call returns, trying again while its error is a passing one.

    Waits with exponential backoff and jitter, up to 10 s each, or as long as the server asks
    with Retry-After, up to 60 s; eight tries in all. The last error is raised as it is.
    """
    import tenacity

    backoff = tenacity.wait_random_exponential(multiplier=0.1, max=10)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(backoff(state), _asked_pause(error))

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=wait,
        retry=tenacity.retry_if_exception(passing),
        reraise=True,
    )
    return retrying(call)


def _asked_pause(error: BaseException | None) -> float:
    """Return the seconds that a server asks to wait with Retry-After; a date counts as none."""
    response: Any = getattr(error, "response", None)
    asked = "" if response is None else str(response.headers.get("Retry-After", ""))
    return min(float(asked), _LONGEST_PAUSE) if asked.isascii() and asked.isdigit() else 0.0
