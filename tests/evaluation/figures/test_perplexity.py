"""Perplexity and its error are llama.cpp's."""

import math

import numpy as np
import pytest

from calibset.evaluation.figures.perplexity import perplexity


def test_value_and_error_are_those_that_llama_cpp_prints():
    logprobs = [-0.1, -2.5, -7.25, -0.01, -3.3]
    # perplexity.cpp: nll and nll2 are sums over the tokens.
    count = len(logprobs)
    nll = sum(-one for one in logprobs) / count
    nll2 = sum(one * one for one in logprobs) / count
    expected = math.exp(nll), math.exp(nll) * math.sqrt((nll2 - nll * nll) / (count - 1))
    assert perplexity(np.array(logprobs)) == pytest.approx(expected, rel=1e-12)


def test_a_single_token_has_no_error():
    assert perplexity(np.array([-1.0])) == pytest.approx((math.e, 0))
