"""Retries for moments when the network fails, and pauses that servers ask for."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone a moment later."""

_ATTEMPTS = 8
# A server may ask for a pause, but not for one so long that the build seems to hang. The hub counts requests
# in windows of five minutes.
_LONGEST_PAUSE = 60.0
_LONGEST_WINDOW = 310.0
# Seconds for all attempts and pauses together: two of these windows.
_LONGEST_IN_ALL = 640.0
# A pause from which on it is told that there is one.
_TOLD = 5.0
# What the hub says in place of Retry-After: "api";r=0;t=55
_RATE_LIMIT = re.compile(r";\s*r=0\b.*?;\s*t=([0-9]{1,6})\b")

_logger = logging.getLogger(__name__)


def retry(call: Callable[[], T], is_transient: Callable[[BaseException], bool]) -> T:
    """Return what a call returns, and call it again while its errors are transient.

    There are eight calls at most. Pauses grow exponentially with jitter up to 10 s each, or last as long
    as the server asks: up to 60 s by Retry-After, up to 310 s where the hub counts requests. There is no
    further call once that would take 640 s in all. A pause of five seconds or more that a server asks for is
    logged. The last error is raised as it is.
    """
    import tenacity

    backoff = tenacity.wait_random_exponential(multiplier=0.1, max=10)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = _requested_pause(error)
        if asked >= _TOLD:
            _logger.warning("the server asks for a pause; reading goes on in %d s", asked)
        return max(backoff(state), asked)

    retrying = tenacity.Retrying(
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(_ATTEMPTS), tenacity.stop_before_delay(_LONGEST_IN_ALL)
        ),
        wait=wait,
        retry=tenacity.retry_if_exception(is_transient),
        reraise=True,
    )
    return retrying(call)


def _requested_pause(error: BaseException | None) -> float:
    """Return how many seconds a server asks to wait; a date counts as 0."""
    response: Any = getattr(error, "response", None)
    if response is None:
        return 0.0
    if limit := _RATE_LIMIT.search(str(response.headers.get("RateLimit", ""))):
        # The window ends within the second that is named.
        return min(float(limit[1]) + 1, _LONGEST_WINDOW)
    seconds = str(response.headers.get("Retry-After", ""))
    return min(float(seconds), _LONGEST_PAUSE) if seconds.isascii() and seconds.isdigit() else 0.0
