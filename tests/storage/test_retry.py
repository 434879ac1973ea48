from __future__ import annotations

import pytest

from calibset.storage.retry import retry


class Calls:
    """Fails so often, then answers."""

    def __init__(self, failures: int, error: type[Exception] = OSError) -> None:
        self.failures, self.error, self.count = failures, error, 0

    def __call__(self) -> int:
        self.count += 1
        if self.count <= self.failures:
            raise self.error(f"failure {self.count}")
        return self.count


def test_a_passing_error_is_tried_again(pauses: list[float]) -> None:
    assert retry(Calls(7), lambda error: isinstance(error, OSError)) == 8
    assert len(pauses) == 7


def test_pauses_grow_and_stay_within_bounds(pauses: list[float]) -> None:
    retry(Calls(7), lambda _: True)
    assert all(0 <= pause <= 0.1 * 2**i for i, pause in enumerate(pauses))


def test_the_last_error_is_raised_as_it_is(pauses: list[float]) -> None:
    calls = Calls(9)
    with pytest.raises(OSError, match=r"^failure 8$"):
        retry(calls, lambda _: True)
    assert calls.count == 8


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_another_error_is_raised_at_once(pauses: list[float], error: type[Exception]) -> None:
    calls = Calls(1, error)
    with pytest.raises(error, match=r"^failure 1$"):
        retry(calls, lambda error: isinstance(error, OSError))
    assert (calls.count, pauses) == (1, [])
