"""How long a server may be silent or slow, for every way in which one is asked."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import TypeVar

from calibset.core.environment import TIMEOUT
from calibset.core.errors import RecipeError, SourceError

T = TypeVar("T")

SILENCE = 30.0
"""Seconds without a byte; a server that makes up its answer when asked, as the hub does, takes a few."""

LEAST_RATE = 1_000
"""Bytes a second; the slowest of mobile connections give ten times as many."""

_SHORTEST_SILENCE = 0.1
_LONGEST_SILENCE = 3_600.0
_TOLD_AFTER = 10.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take.

    Attributes:
        silence: Seconds without a byte.
    """

    silence: float = SILENCE

    @property
    def window(self) -> float:
        """Seconds over which a server must send `LEAST_RATE`."""
        return 2 * self.silence

    @property
    def answer(self) -> float:
        """Seconds in which an answer that is no file must be complete: a file's head, a list of names."""
        return 4 * self.silence

    @property
    def listing(self) -> float:
        """Seconds for all the answers that tell which files there are, and how large."""
        return 20 * self.silence

    def describe_silence(self) -> str:
        """Say that a server was silent for too long, and what to do about it."""
        return f"the server has sent nothing for {self.silence:g} s; {_REMEDY}"

    def describe_late(self, seconds: float) -> str:
        """Say that an answer took too long, and what to do about it."""
        return f"the server's answer is not complete after {seconds:g} s; {_REMEDY}"


_REMEDY = f"try again later, or give it longer with {TIMEOUT.name}=SECONDS"


def read_patience() -> Patience:
    """Return the patience that the environment asks for; the only place that reads it.

    Raises:
        RecipeError: The variable is no number of seconds from 0.1 to 3,600.
    """
    text = TIMEOUT.read()
    if not text:
        return Patience()
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not _SHORTEST_SILENCE <= seconds <= _LONGEST_SILENCE:
        raise RecipeError(
            f"{TIMEOUT.name}={text}: must be the seconds that a server may be silent, from "
            f"{_SHORTEST_SILENCE:g} to {_LONGEST_SILENCE:,.0f}; {SILENCE:g} if it is not set"
        )
    return Patience(seconds)


def wait_for(
    call: Callable[[], T],
    location: str,
    patience: Patience,
    *,
    longest: float | None = None,
    heard: Callable[[], int] | None = None,
) -> T:
    """Return what a call that waits for a server returns, and tell from time to time that it is waited for.

    The call runs in a thread of its own, which is left behind if the server takes too long.

    Args:
        call: What is waited for.
        location: What is read, for messages.
        patience: How long the server may take.
        longest: Seconds after which it is no longer waited for; None if only the rate counts.
        heard: Returns how many bytes have come so far, which must come at `LEAST_RATE`.

    Raises:
        SourceError: The server took too long.
    """
    results: list[T] = []
    failures: list[BaseException] = []
    done = Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  (raised again where it is waited for)
            failures.append(error)
        finally:
            done.set()

    Thread(target=work, name="calibset-server", daemon=True).start()
    watch = _Watch(location, patience, longest, heard)
    while not done.wait(min(0.5, patience.silence / 10)):
        watch.look()
    if failures:
        raise failures[0]
    return results[0]


class _Watch:
    """Looks at what a server sends, and at the clock."""

    def __init__(
        self, location: str, patience: Patience, longest: float | None, heard: Callable[[], int] | None
    ) -> None:
        self._location = location
        self._patience = patience
        self._longest = longest
        self._heard = heard
        self._start = self._last = time.monotonic()
        self._sizes = deque([(self._start, heard() if heard else 0)])
        self._told = 0

    def look(self) -> None:
        """Tell a silence; raise if the server takes too long."""
        now = time.monotonic()
        if self._longest is not None and now - self._start > self._longest:
            raise SourceError(f"{self._location}: {self._patience.describe_late(self._longest)}")
        if self._heard is not None:
            self._count(now, self._heard())
        self._tell(now - self._last)

    def _count(self, now: float, size: int) -> None:
        if size > self._sizes[-1][1]:
            self._last = now
        self._sizes.append((now, size))
        window = self._patience.window
        while now - self._sizes[0][0] > window:
            before = self._sizes.popleft()[1]
            if size - before < LEAST_RATE * window:
                raise SourceError(
                    f"{self._location}: the server sends fewer than {LEAST_RATE:,} bytes a second; {_REMEDY}"
                )

    def _tell(self, silent: float) -> None:
        step = min(_TOLD_AFTER, self._patience.silence / 3)
        if silent < step:
            self._told = 0
        elif silent // step > self._told:
            self._told = int(silent // step)
            _logger.warning("%s: waiting for the server, %.3g s so far", self._location, silent)
