"""Intervals hold the truth as often as they say, and are the same every time."""

import numpy as np
import pytest

from calibset.evaluation.figures.bootstrap import LEAST_DOCUMENTS, estimate_means, number_documents
from calibset.evaluation.figures.quantiles import percentile_interval, percentiles, up_to

# The median of the divergences that `_divergences` makes; the others follow from the normal distribution.
_CENTRE, _WITHIN, _BETWEEN = -3.3, 1.5, 0.4


def _documents(random: np.random.Generator, count: int) -> np.ndarray:
    """Documents of very different lengths."""
    lengths = np.exp(random.normal(4, 0.7, count)).astype(int) + 1
    return np.repeat(np.arange(count), lengths)


@pytest.mark.parametrize("count", [LEAST_DOCUMENTS, 8, 20, 50, pytest.param(300, marks=pytest.mark.slow)])
def test_of_200_pairs_without_a_difference_90_to_99_percent_of_the_intervals_hold_zero(count):
    random = np.random.default_rng(count)
    held = 0
    for pair in range(200):
        documents = _documents(random, count)
        # Documents differ from one another, and single tokens by a lot.
        of_document = random.normal(0, 0.05, count)[documents]
        differences = of_document + 0.3 * random.standard_t(3, len(documents))
        (interval,) = estimate_means([differences], documents, "pair", pair)
        held += interval.low <= 0 <= interval.high
    assert 180 <= held <= 198


@pytest.mark.parametrize("count", [LEAST_DOCUMENTS, 20])
def test_the_intervals_of_a_skewed_mean_and_of_its_percentiles_hold_the_truth(count):
    random = np.random.default_rng(100 + count)
    width = np.hypot(_WITHIN, _BETWEEN)
    truth = {
        "mean": np.exp(_CENTRE + width**2 / 2), 0.5: np.exp(_CENTRE), 0.95: np.exp(_CENTRE + 1.6449 * width)
    }  # fmt: skip
    held = dict.fromkeys(truth, 0)
    for pair in range(200):
        documents = _documents(random, count)
        values = np.exp(
            random.normal(0, _BETWEEN, count)[documents] + random.normal(_CENTRE, _WITHIN, len(documents))
        )
        shares = [up_to(values, share) for share in (0.5, 0.95)]
        mean, *reached = estimate_means([values, *shares], documents, "pair", pair)
        intervals = {"mean": mean} | {
            share: percentile_interval(values, share, one)
            for share, one in zip((0.5, 0.95), reached, strict=True)
        }
        for name, interval in intervals.items():
            held[name] += interval.low <= truth[name] <= interval.high
    assert all(178 <= number <= 198 for number in held.values()), held


def test_the_same_values_have_the_same_interval_and_another_path_draws_anew():
    values, documents = np.arange(60.0) % 7, np.arange(60) // 6
    first, again = (estimate_means([values], documents, "all", 1) for _ in range(2))
    assert first == again
    assert first != estimate_means([values], documents, "all", 2)
    # Philox and BLAKE2b are what they are on any machine.
    assert first[0] == pytest.approx((2.6822364557497504, 3.193294230042706))


def test_numbers_of_documents_are_names_only():
    values, documents = np.arange(60.0) % 7, np.arange(60) // 6
    assert estimate_means([values], documents * 10, "x") == estimate_means([values], documents, "x")
    assert number_documents(["b", "a", "b"]).tolist() == [0, 1, 0]


def test_figures_of_one_call_share_their_draws():
    random = np.random.default_rng(5)
    documents = np.arange(200) // 10
    values = random.normal(size=200)
    one, negated = estimate_means([values, -values], documents, "x")
    assert (one.low, one.high) == pytest.approx((-negated.high, -negated.low))


def test_too_few_documents_give_no_interval():
    documents = np.arange(40) // 10
    assert len(set(documents)) == LEAST_DOCUMENTS - 1
    assert estimate_means([np.arange(40.0)] * 2, documents, "x") == [None, None]


def test_values_that_do_not_vary_have_an_interval_without_width():
    (interval,) = estimate_means([np.full(50, 0.25)], np.arange(50) // 5, "x")
    assert interval == pytest.approx((0.25, 0.25))


def test_what_one_document_alone_has_is_not_certain():
    # Most draws have documents without spread; Student's interval stands in for them.
    documents = np.arange(500) // 10
    values = np.zeros(500)
    values[:5] = 1
    (interval,) = estimate_means([values], documents, "x")
    assert interval.low < 0.01 < interval.high < 0.04


def test_percentiles_lie_between_values_by_their_distance():
    assert percentiles(np.array([0.0, 10.0]), [0.95]) == [9.5]
    values = np.array([1.0, 2.0, 3.0])
    assert up_to(values, 0.5).tolist() == [1, 1, 0]
    assert percentile_interval(values, 0.5, None) is None
