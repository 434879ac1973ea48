"""What is blocked in a process when it imports this module, which it does before a worker is prepared."""

from __future__ import annotations

import signal
import time

AT_START = (
    frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())) if hasattr(signal, "pthread_sigmask") else None
)


class Parts(dict[str, bytes]):
    """Parts that a worker can't be given without this module."""


def find_masks() -> tuple[bool, bool]:
    """Return whether interruptions were blocked at the start, and whether they are ignored now."""
    time.sleep(0.2)  # so that the next task needs a process of its own
    return signal.SIGINT in (AT_START or ()), signal.getsignal(signal.SIGINT) is signal.SIG_IGN
