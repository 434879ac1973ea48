"""What a card's memory holds beside a model's weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibset.core.errors import RecipeError
from calibset.evaluation.serving.served_model import ServedModel

GIB = 2**30
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(GiB|GB|MiB|MB|G|M)", re.IGNORECASE)
_UNITS = {"gib": GIB, "g": GIB, "mib": 2**20, "m": 2**20, "gb": 10**9, "mb": 10**6}
# The CUDA context, and what a desktop or the driver keeps.
_OUTSIDE = GIB
_HIGHEST_PERCENT = 95
# Activations and CUDA graphs.
_WORKING = GIB
# Scores of a token: as the model gives them (2), in float32 (4), and their log probabilities (4).
_BYTES_OF_A_SCORE = 10
_STEP = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMemory:
    """How the memory of a card is used.

    Attributes:
        card: All of it.
        percent: The share of it that vLLM takes.
        weights: What the weights take.
        scores: What the scores of a batch's prompt tokens take, all of the vocabulary for each.
        cache: What is left for keys and values.
        tokens: How many tokens these are.
    """

    card: int
    percent: int
    weights: int
    scores: int
    cache: int
    tokens: int


def parse_size(text: str) -> int:
    """Return a size of memory in bytes.

    Raises:
        RecipeError: It is none.

    Examples:
        >>> parse_size("24GiB"), parse_size("80 GB")
        (25769803776, 80000000000)
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if size < 2 * _OUTSIDE:
        raise RecipeError(f"--card-memory {text}: name a card's memory, at least 2GiB: 24GiB, 80GB")
    return size


def usable_percent(card: int) -> int:
    """Return the share of a card that vLLM may take: all but 1 GiB, and 95 % at most."""
    return min(_HIGHEST_PERCENT, 100 * (card - _OUTSIDE) // card)


def share_memory(model: ServedModel, card: int, batched_tokens: int) -> CardMemory | None:
    """Return how a card's memory is used; None if the model's files don't tell.

    Raises:
        RecipeError: The card is too small for the model.
    """
    if model.weight_bytes is None or model.bytes_per_token is None:
        return None
    percent = usable_percent(card)
    scores = batched_tokens * (model.vocabulary or 0) * _BYTES_OF_A_SCORE
    needed = model.weight_bytes + scores + _WORKING
    left = card * percent // 100 - needed
    cache = left // _STEP * _STEP
    if cache <= 0:
        raise RecipeError(
            f"--card-memory {gib(card)}: too small for {model.path}: its weights take "
            f"{gib(model.weight_bytes)}, its work {gib(scores + _WORKING)}, and vLLM may have {percent} % of "
            "the card; name a larger one, or spread the model over several (tensor-parallel-size)"
        )
    return CardMemory(
        card=card,
        percent=percent,
        weights=model.weight_bytes,
        scores=scores,
        cache=cache,
        tokens=cache // model.bytes_per_token,
    )


def gib(size: int) -> str:
    """Return a size in GiB.

    Examples:
        >>> gib(13421772800), gib(24 * GIB)
        ('12.5 GiB', '24 GiB')
    """
    return f"{round(size / GIB, 1):g} GiB"
