"""The difference of two recipes is weighed against the spread of their seeds."""

import pytest

from calibset.evaluation.figures.seeds import difference_interval, spread


def test_the_interval_is_that_of_welch():
    # By hand: variances 0.0001 and 0.0004, so 0.0005/3 together, and 2.941 degrees of freedom.
    interval = difference_interval([0.05, 0.06, 0.07], [0.20, 0.22, 0.24])
    assert interval == pytest.approx((-0.16 - 3.2190 * 0.012910, -0.16 + 3.2190 * 0.012910), rel=1e-3)


def test_runs_that_overlap_do_not_differ():
    low, high = difference_interval([0.05, 0.07], [0.06, 0.065])
    assert low < 0 < high


def test_a_single_run_says_nothing_of_its_noise():
    assert difference_interval([0.05], [0.06, 0.07]) is None
    assert spread([0.05]) == (0.05, None)
    assert spread([1.0, 3.0]) == pytest.approx((2, 2**0.5))


def test_runs_that_are_all_the_same_say_nothing_of_their_noise():
    assert difference_interval([0.25, 0.25], [0.5, 0.5]) is None
    assert difference_interval([0.25, 0.25], [0.5, 0.7]) is not None
