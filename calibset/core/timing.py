"""How long the steps of a build take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


@contextmanager
def timed(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Add what is done to the seconds that a step has taken."""
    began = perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + perf_counter() - began
