"""Divergences are those of the definition, and what is known of the likeliest tokens is a lower bound."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.evaluation.figures.divergence import LikelyTokens, full_divergence, truncated_divergence


def _exact(base: list[float], other: list[float]) -> float:
    """KL(base ‖ other) of two rows of logits, by the definition."""

    def shares(logits):
        whole = math.fsum(math.exp(value) for value in logits)
        return [math.exp(value) / whole for value in logits]

    return math.fsum(p * math.log(p / q) for p, q in zip(shares(base), shares(other), strict=True))


def _likely(logits: np.ndarray, targets: np.ndarray, k: int) -> LikelyTokens:
    """What an API tells of logits, in float32."""
    logprobs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    ids = np.argsort(-logprobs, axis=1, kind="stable")[:, :k].astype(np.int32)
    return LikelyTokens(
        np.take_along_axis(logprobs, targets[:, None], axis=1)[:, 0].astype(np.float32),
        ids,
        np.take_along_axis(logprobs, ids, axis=1).astype(np.float32),
    )


@st.composite
def _pairs(draw):
    vocabulary = draw(st.integers(2, 12))
    rows = draw(st.integers(1, 4))
    values = st.floats(-20, 20, width=32)
    base, other = (
        np.array(
            draw(
                st.lists(
                    st.lists(values, min_size=vocabulary, max_size=vocabulary), min_size=rows, max_size=rows
                )
            )
        )
        for _ in range(2)
    )
    targets = draw(st.lists(st.integers(0, vocabulary - 1), min_size=rows, max_size=rows))
    return base, other, np.array(targets, dtype=np.int32)


@given(_pairs())
def test_the_full_divergence_is_that_of_the_definition(pair):
    base, other, _ = pair
    expected = [_exact(*rows) for rows in zip(base.tolist(), other.tolist(), strict=True)]
    measured = full_divergence(base.astype(np.float32), other.astype(np.float32))
    assert measured == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert (measured >= 0).all()


@given(_pairs(), st.integers(1, 12), st.integers(1, 12))
def test_a_truncated_divergence_is_never_negative_and_never_above_the_true_one(pair, k, another_k):
    base, other, targets = pair
    k, another_k = min(k, base.shape[1]), min(another_k, base.shape[1])
    found = truncated_divergence(_likely(base, targets, k), _likely(other, targets, another_k), targets)
    true = full_divergence(base.astype(np.float32), other.astype(np.float32))
    assert (found.values >= 0).all()
    assert (found.values <= true + 2e-5 * (1 + true)).all()
    assert ((found.covered >= 0) & (found.covered <= 1)).all()


@given(_pairs())
def test_with_the_whole_vocabulary_it_is_the_true_one(pair):
    base, other, targets = pair
    k = base.shape[1]
    found = truncated_divergence(_likely(base, targets, k), _likely(other, targets, k), targets)
    true = full_divergence(base.astype(np.float32), other.astype(np.float32))
    assert found.values == pytest.approx(true, rel=1e-4, abs=3e-5)
    assert found.covered == pytest.approx(1, abs=1e-5)


def test_the_token_that_stands_there_counts_as_shared_though_neither_names_it():
    base, other = np.log([[0.5, 0.2, 0.2, 0.1]]), np.log([[0.6, 0.2, 0.1, 0.1]])
    targets = np.array([3], dtype=np.int32)
    found = truncated_divergence(_likely(base, targets, 1), _likely(other, targets, 1), targets)
    # Tokens 0 and 3 one by one, 1 and 2 together.
    expected = 0.5 * math.log(0.5 / 0.6) + 0.1 * math.log(1) + 0.4 * math.log(0.4 / 0.3)
    assert found.values == pytest.approx([expected], abs=1e-5)
    assert found.covered == pytest.approx([0.6])


def test_only_tokens_that_both_name_are_shared():
    base, other = np.log([[0.6, 0.3, 0.1]]), np.log([[0.1, 0.3, 0.6]])
    targets = np.array([1], dtype=np.int32)
    found = truncated_divergence(_likely(base, targets, 1), _likely(other, targets, 1), targets)
    # The base names 0, the other 2: only 1, which stands there, is known of both.
    assert found.covered == pytest.approx([0.3])
    assert found.values == pytest.approx([0], abs=1e-5)


def test_a_token_that_the_base_rules_out_adds_nothing():
    base = np.array([[0.0, 0.0, -np.inf]], dtype=np.float32)
    assert full_divergence(base, base) == pytest.approx([0])
    other = np.array([[0.0, 0.0, 0.0]], dtype=np.float32)
    assert full_divergence(base, other) == pytest.approx([math.log(1.5)])
    assert np.isinf(full_divergence(other, base)).all()


def test_many_positions_are_worked_off_in_blocks():
    random = np.random.default_rng(1)
    base, other = random.normal(size=(2, 70, 9)).astype(np.float32)
    expected = [_exact(*rows) for rows in zip(base.tolist(), other.tolist(), strict=True)]
    assert full_divergence(base, other) == pytest.approx(expected, rel=1e-6)
    assert full_divergence(base[:0], other[:0]).shape == (0,)
