"""How long the steps of a build take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Timings:
    """The seconds that the steps of a build have taken so far.

    Attributes:
        seconds: Seconds by the step's name, in the order in which the steps first ended.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        """Add the time that the block takes to a step's seconds; a block that fails is not counted."""
        start = perf_counter()
        yield
        self.add(step, perf_counter() - start)

    def add(self, step: str, seconds: float) -> None:
        """Add to a step's seconds."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds
