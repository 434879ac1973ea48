"""The KL divergence of another model's next token from the base's, at each position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from calibset.evaluation.figures.bootstrap import Array

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]

# How far sums of probabilities in float32 may be off.
_ROUNDING = 1e-6
# Positions whose whole vocabularies are held at once, and whose likeliest tokens are.
_BLOCK = 32
_TRUNCATED_BLOCK = 20_000


class LikelyTokens(NamedTuple):
    """What a model says of some positions.

    Attributes:
        logprobs: The log probability of the token that stands at each.
        top_ids: The likeliest tokens at each, the likeliest first.
        top_logprobs: Their log probabilities.
    """

    logprobs: Floats
    top_ids: Ids
    top_logprobs: Floats

    def part(self, rows: slice) -> LikelyTokens:
        """Return the same of some of the positions."""
        return LikelyTokens(self.logprobs[rows], self.top_ids[rows], self.top_logprobs[rows])

    def likeliest(self, k: int) -> LikelyTokens:
        """Return the same with at most `k` of the likeliest tokens at each position."""
        return LikelyTokens(self.logprobs, self.top_ids[:, :k], self.top_logprobs[:, :k])


class Divergence(NamedTuple):
    """The divergence at each position.

    Attributes:
        values: In nats.
        covered: The part of the base's probability on which they rest token by token; the rest counts as
            one. 1 where the whole vocabulary was compared.
    """

    values: Array
    covered: Array


def truncated_divergence(base: LikelyTokens, other: LikelyTokens, targets: Ids) -> Divergence:
    """Return a lower bound of the divergence at each position, from the likeliest tokens of both.

    The tokens that both models name are compared one by one, the token that stands there among them, and
    everything else as one. Merging outcomes can only lower a divergence, so the true one is at least this;
    the sum over the shared tokens alone would be no bound, and often negative.

    Args:
        base: What the base says; at least one token at each position.
        other: What the other model says of the same positions; at least one token at each.
        targets: The tokens that stand there.
    """
    blocks = [
        _truncated_block(base.part(rows), other.part(rows), targets[rows])
        for rows in _slices(len(targets), _TRUNCATED_BLOCK)
    ]
    return Divergence(
        np.concatenate([np.empty(0), *(block.values for block in blocks)]),
        np.concatenate([np.empty(0), *(block.covered for block in blocks)]),
    )


def _slices(length: int, block: int) -> Iterator[slice]:
    for start in range(0, length, block):
        yield slice(start, start + block)


def _truncated_block(base: LikelyTokens, other: LikelyTokens, targets: Ids) -> Divergence:
    base_logprobs, other_logprobs, shared = _align(base, other, targets)
    base_shares = np.where(shared, np.exp(base_logprobs), 0.0)
    other_shares = np.where(shared, np.exp(other_logprobs), 0.0)
    covered = np.minimum(base_shares.sum(axis=1), 1.0)
    terms = np.where(shared, base_shares * (base_logprobs - other_logprobs), 0.0)
    base_rest = np.maximum(1 - covered, 0.0)
    # The other's rest is taken as large as rounding allows, so that the sum stays a lower bound.
    other_rest = np.maximum(1 - other_shares.sum(axis=1), 0.0) + _ROUNDING
    rest = base_rest * np.log(np.maximum(base_rest, _ROUNDING**2) / other_rest)
    return Divergence(np.maximum(terms.sum(axis=1) + rest, 0.0), covered)


def _align(
    base: LikelyTokens, other: LikelyTokens, targets: Ids
) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Return both log probabilities of the base's tokens and of the targets, and which both name."""
    same = base.top_ids[:, :, None] == other.top_ids[:, None, :]
    found = same.any(axis=2)
    place = same.argmax(axis=2)
    is_target = base.top_ids == targets[:, None]
    others = np.take_along_axis(other.top_logprobs, place, axis=1)
    others = np.where(is_target, other.logprobs[:, None], others)
    # A target that isn't among the base's likeliest stands in a column of its own.
    base_logprobs = np.hstack([base.top_logprobs, base.logprobs[:, None]]).astype(np.float64)
    other_logprobs = np.hstack([others, other.logprobs[:, None]]).astype(np.float64)
    shared = np.hstack([found | is_target, ~is_target.any(axis=1, keepdims=True)])
    return base_logprobs, other_logprobs, shared


def full_divergence(base: Floats, other: Floats) -> Array:
    """Return the divergence at each position over the whole vocabulary, computed in double precision.

    Args:
        base: The base's logits, a row for each position.
        other: The other model's.
    """
    blocks = [_full_block(base[rows], other[rows]) for rows in _slices(len(base), _BLOCK)]
    return np.concatenate([np.empty(0), *blocks])


def _full_block(base: Floats, other: Floats) -> Array:
    base_logprobs, other_logprobs = log_softmax(base), log_softmax(other)
    shares = np.exp(base_logprobs)
    # A token that the base rules out adds nothing, whatever the other says of it.
    difference = np.subtract(base_logprobs, other_logprobs, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.maximum((shares * difference).sum(axis=1), 0.0))


def log_softmax(logits: Floats) -> Array:
    """Return the log probabilities of logits in double precision, row by row."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted
