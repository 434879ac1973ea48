"""How long the steps of a build take."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Timings:
    """The seconds that the steps of a build have taken so far.

    Attributes:
        seconds: Seconds by the step's name, in the order in which the steps first ended.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, step: str) -> MeasuredStep:
        """Add the time that the block takes to a step's seconds; a block that fails is not counted."""
        return MeasuredStep(self, step)

    def add(self, step: str, seconds: float) -> None:
        """Add to a step's seconds."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds


class MeasuredStep:
    """A block of which the time is taken; a generator would take longer than some steps do."""

    __slots__ = ("_start", "_step", "_timings")

    def __init__(self, timings: Timings, step: str) -> None:
        self._timings, self._step = timings, step

    def __enter__(self) -> None:
        self._start = perf_counter()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._timings.add(self._step, perf_counter() - self._start)
