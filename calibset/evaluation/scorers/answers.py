"""What servers answer, checked and turned into scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibset.evaluation.measurement import WindowScores
from calibset.evaluation.windows import Ids


class AnswerError(Exception):
    """An answer is not what was asked for; the message says how it differs."""


@dataclass(frozen=True, slots=True)
class Likely:
    """A token and its log probability."""

    token: int
    logprob: float


def as_ids(value: Any) -> list[int]:
    """Return a list of token ids from JSON."""
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item < 2**31 for item in value):
        raise AnswerError("has token ids that are no whole numbers")
    return value


def as_logprob(value: Any) -> float:
    """Return a log probability from JSON, which may still be none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnswerError("has a log probability that is no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def make_scores(own: Sequence[float], top: Sequence[Sequence[Likely]], k: int) -> WindowScores:
    """Return scores of what a server said of each scored token, with the `k` likeliest at each.

    Args:
        own: The log probability of each scored token.
        top: The likeliest tokens at each, at least `k` of them, the likeliest first.
        k: How many to keep.

    Raises:
        AnswerError: There are fewer, one of them twice, or numbers that are no log probabilities.
    """
    for likely in top:
        if len(likely) < k:
            raise AnswerError(f"has {len(likely)} of the {k} likeliest tokens that were asked for")
        if len({one.token for one in likely[:k]}) < k:
            raise AnswerError("has a token twice among the likeliest")
    shape = (len(top), k)
    with np.errstate(over="ignore"):  # what doesn't fit is infinite then, and found
        scores = WindowScores(
            np.array(own, dtype=np.float32),
            np.array([[one.token for one in likely[:k]] for likely in top], dtype=np.int32).reshape(shape),
            np.array([[one.logprob for one in likely[:k]] for likely in top], dtype=np.float32).reshape(
                shape
            ),
        )
    if fault := scores.find_fault():
        raise AnswerError(f"has {fault}")
    return scores


def check_ids(asked: Ids, answered: Sequence[int]) -> None:
    """Make sure that a server read the ids that it was given.

    Raises:
        AnswerError: It read others.
    """
    if asked.tolist() != list(answered):
        at = next(
            (i for i, pair in enumerate(zip(asked.tolist(), answered, strict=False)) if pair[0] != pair[1]),
            None,
        )
        where = f"at position {at}" if at is not None else f"{len(answered)} in place of {len(asked)}"
        raise AnswerError(f"is about other token ids than were sent ({where})")
