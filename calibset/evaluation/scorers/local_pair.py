"""Two models in memory on the same windows, compared over their whole vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibset.core.errors import RecipeError
from calibset.evaluation.figures.bootstrap import Array
from calibset.evaluation.figures.divergence import LikelyTokens
from calibset.evaluation.scorers.local import LocalScorer, ModelError
from calibset.evaluation.windows import Window

# Positions whose whole vocabularies are held in double precision at once.
_BLOCK = 64


@dataclass(frozen=True, slots=True, eq=False)
class WindowPair:
    """What two models say of the scored tokens of a window.

    Attributes:
        base: The base's log probabilities, and the few tokens that it finds likeliest.
        other: The same of the other model.
        divergence: The divergence at each token.
    """

    base: LikelyTokens
    other: LikelyTokens
    divergence: Array


def require_one_vocabulary(base: LocalScorer, other: LocalScorer) -> None:
    """Make sure that two models tell the same ids apart.

    Raises:
        RecipeError: One knows more ids than the other.
    """
    if base.info.vocabulary != other.info.vocabulary:
        raise RecipeError(
            f"{other.info.model}: knows {other.info.vocabulary:,} ids, and {base.info.model} "
            f"{base.info.vocabulary:,}; only models of one vocabulary can be compared over all of it"
        )


def compare_windows(
    base: LocalScorer, others: Sequence[LocalScorer], windows: Sequence[Window], shown: int
) -> Iterator[list[WindowPair]]:
    """Yield what the base and each other model say of windows, which are run together.

    The divergence is computed where the models are, so that on a graphics card no vocabulary leaves it.

    Args:
        base: The base.
        others: The other models.
        windows: The windows.
        shown: How many of the likeliest tokens are returned.

    Raises:
        ModelError: A model can't be run, or gives no log probabilities.
    """
    base_logprobs = list(base.logprobs(windows))
    for other in others:
        pairs = []
        for window, ours, theirs in zip(windows, base_logprobs, other.logprobs(windows), strict=True):
            theirs = theirs.to(ours.device)  # noqa: PLW2901  (models may be on several cards)
            pair = WindowPair(
                _likely(ours, window, shown), _likely(theirs, window, shown), _divergence(ours, theirs)
            )
            _require_finite(pair, window, base, other)
            pairs.append(pair)
        yield pairs


def _likely(logprobs: Any, window: Window, shown: int) -> LikelyTokens:
    import torch

    targets = torch.as_tensor(window.targets, dtype=torch.long, device=logprobs.device)
    top = logprobs.topk(shown, dim=-1)
    return LikelyTokens(
        logprobs.gather(1, targets[:, None])[:, 0].cpu().numpy(),
        top.indices.to(torch.int32).cpu().numpy(),
        top.values.cpu().numpy(),
    )


def _divergence(base: Any, other: Any) -> Array:
    """Return what `full_divergence` does, of tensors of log probabilities."""
    blocks = [np.empty(0)]
    for start in range(0, len(base), _BLOCK):
        ours, theirs = (rows[start : start + _BLOCK].double() for rows in (base, other))
        shares = ours.exp()
        # A token that the base rules out adds nothing, whatever the other says of it.
        terms = (shares * (ours - theirs)).where(shares > 0, 0.0)
        blocks.append(terms.sum(dim=-1).clamp(min=0).cpu().numpy())
    return np.concatenate(blocks)


def _require_finite(pair: WindowPair, window: Window, base: LocalScorer, other: LocalScorer) -> None:
    for scorer, tokens in ((base, pair.base), (other, pair.other)):
        if not np.isfinite(tokens.logprobs).all():
            place = int(window.scored[np.argmin(np.isfinite(tokens.logprobs))])
            raise ModelError(
                f"{scorer.info.model}: gives no log probability of the token at {place} of window "
                f"{window.index}; the model is broken"
            )
    if not np.isfinite(pair.divergence).all():
        place = int(window.scored[np.argmin(np.isfinite(pair.divergence))])
        raise ModelError(
            f"{other.info.model}: rules out a token that {base.info.model} does not, at {place} of window "
            f"{window.index}, so that the divergence has no end; the model is broken"
        )
