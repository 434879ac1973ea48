"""What a card's memory holds is counted, and a size that is none is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.evaluation.serving.card_memory import GIB, parse_size, share_memory, usable_percent
from calibset.evaluation.serving.served_model import ServedModel

_MODEL = ServedModel(
    path="m", is_folder=True, vocabulary=131_072, weight_bytes=13 * GIB, bytes_per_token=163_840
)


def test_what_is_left_beside_a_24b_model_on_24_gib() -> None:
    memory = share_memory(_MODEL, 24 * GIB, 2048)
    assert memory is not None
    assert (memory.percent, memory.scores) == (95, 2048 * 131_072 * 10)
    # 22.8 GiB less 13 of weights, 2.5 of scores and 1 to work with, in steps of 256 MiB.
    assert memory.cache == int(6.25 * GIB)
    assert memory.tokens == 40_960


@given(card=st.integers(2, 200), weights=st.integers(1, 200 * GIB))
def test_no_more_is_used_than_the_card_has(card: int, weights: int) -> None:
    model = ServedModel(path="m", vocabulary=1000, weight_bytes=weights, bytes_per_token=2560)
    try:
        memory = share_memory(model, card * GIB, 2048)
    except RecipeError:
        assert weights + GIB + 2048 * 1000 * 10 + 256 * 2**20 > card * GIB * usable_percent(card * GIB) // 100
        return
    assert memory is not None
    assert memory.weights + memory.scores + memory.cache <= (card - 1) * GIB


def test_a_card_that_is_too_small_is_refused() -> None:
    with pytest.raises(RecipeError) as refused:
        share_memory(_MODEL, 16 * GIB, 2048)
    assert str(refused.value) == (
        "--card-memory 16 GiB: too small for m: its weights take 13 GiB, its work 3.5 GiB, and vLLM may have "
        "93 % of the card; name a larger one, or spread the model over several (tensor-parallel-size)"
    )


def test_where_sizes_are_unknown_nothing_is_counted() -> None:
    assert share_memory(ServedModel(path="m"), 24 * GIB, 2048) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("24GiB", 24 * GIB),
        ("24 g", 24 * GIB),
        ("80GB", 80 * 10**9),
        ("24576MiB", 24 * GIB),
        ("7.5gib", 15 * GIB // 2),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "24", "1GiB", "-24GiB", "24TiB", "1e3GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse_size(text)
    assert str(refused.value) == (f"--card-memory {text}: name a card's memory, at least 2GiB: 24GiB, 80GB")
