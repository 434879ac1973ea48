from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.evaluation.windows import cut_windows


def llama_cpp_windows(
    tokens: list[int], n_ctx: int, bos: int | None
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Return what llama.cpp's tools/perplexity/perplexity.cpp gives the model, and what it scores.

    Its loops are kept: chunk i begins at i * n_ctx, its first token is replaced by BOS if the vocabulary adds
    one, `first` is n_ctx / 2, and process_logits walks n_ctx - 1 - first logits from `first` on, each against
    the token after it.
    """
    chunks = []
    for i in range(len(tokens) // n_ctx):
        start = i * n_ctx
        batch = tokens[start : start + n_ctx]
        if bos is not None:
            batch[0] = bos
        first = n_ctx // 2
        scored = [(first + j + 1, tokens[start + first + j + 1]) for j in range(n_ctx - 1 - first)]
        chunks.append((batch, scored))
    return chunks


@given(st.lists(st.integers(2, 99), max_size=100), st.integers(2, 17), st.sampled_from([None, 1]))
def test_windows_are_llama_cpps(ids: list[int], ctx: int, bos: int | None) -> None:
    windows = list(cut_windows(ids, ctx, bos))
    assert [
        (window.ids.tolist(), list(zip(window.scored.tolist(), window.targets.tolist(), strict=True)))
        for window in windows
    ] == llama_cpp_windows(ids, ctx, bos)
    assert [window.index for window in windows] == list(range(len(windows)))


def test_of_512_tokens_255_are_scored_each_after_256_others() -> None:
    (window,) = cut_windows(range(1023), 512, None)
    assert (len(window.scored), window.scored[0], window.scored[-1]) == (255, 257, 511)


def test_bos_replaces_a_token_of_the_window_but_not_of_the_text() -> None:
    ids = np.arange(10, 20, dtype=np.int32)
    assert [window.ids.tolist() for window in cut_windows(ids, 4, 1)] == [[1, 11, 12, 13], [1, 15, 16, 17]]
    assert ids[0] == 10


def test_a_window_is_of_the_document_of_its_first_scored_token() -> None:
    windows = cut_windows(range(16), 8, None, lambda position: "one" if position < 13 else "two")
    assert [window.document for window in windows] == ["one", "two"]


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_text_shorter_than_a_window_gives_none(length: int) -> None:
    assert list(cut_windows(range(length), 8, 1)) == []
