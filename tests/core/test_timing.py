"""Seconds by step of a build."""

from __future__ import annotations

import pytest

from calibset.core import timing
from calibset.core.timing import Timings


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moments that the clock shows, one each time it is looked at."""
    moments: list[float] = []
    monkeypatch.setattr(timing, "perf_counter", lambda: moments.pop(0))
    return moments


def test_blocks_of_one_step_are_added_up(clock: list[float]) -> None:
    clock += [0.0, 1.5, 10.0, 12.0, 20.0, 20.25]
    timings = Timings()
    for step in ("filters", "deduplication", "filters"):
        with timings.measure(step):
            pass
    assert timings.seconds == {"filters": 1.75, "deduplication": 2.0}
    assert list(timings.seconds) == ["filters", "deduplication"]


def test_a_step_inside_another_is_counted_in_both(clock: list[float]) -> None:
    clock += [0.0, 1.0, 3.0, 7.0]
    timings = Timings()
    with timings.measure("build"), timings.measure("selection"):
        pass
    assert timings.seconds == {"selection": 2.0, "build": 7.0}


def test_a_block_that_fails_is_not_counted() -> None:
    timings = Timings()
    with pytest.raises(ZeroDivisionError), timings.measure("selection"):
        1 / 0  # noqa: B018
    assert timings.seconds == {}
