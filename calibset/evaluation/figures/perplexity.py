"""Perplexity, with llama.cpp's standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calibset.evaluation.figures.bootstrap import Array

# The largest logarithm whose number a float can hold; a broken model may be beyond it.
LARGEST_EXPONENT = 700.0


class Perplexity(NamedTuple):
    """A perplexity and its standard error, as ``llama-perplexity`` prints them."""

    value: float
    error: float


def perplexity(logprobs: Array) -> Perplexity:
    """Return the perplexity of tokens, and ``PPL * sqrt(var / (n - 1))``.

    The error takes each token for an independent draw, as llama.cpp does; what a comparison says of a
    difference is its interval over documents, not this.

    Args:
        logprobs: The natural log probabilities of the tokens that stand there; one or more.
    """
    value = float(np.exp(min(-logprobs.mean(), LARGEST_EXPONENT)))
    error = value * float(np.sqrt(logprobs.var() / (len(logprobs) - 1))) if len(logprobs) > 1 else 0.0
    return Perplexity(value, error)
