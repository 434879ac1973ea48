"""Windows: the token sequences that a model is given, and which of their tokens are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]

TEXT = "text"
"""The task of a window whose tokens stand in the data."""

CALLS = "calls"
"""The task of a window that ends in what the base writes where the data calls a tool."""

OWN_CALLS = "own calls"
"""The task of a window that ends in what another model writes in the same place."""


def generate_task(prompt: int, length: int) -> str:
    """Return the task of a window that ends in up to ``length`` tokens that the base wrote after a prompt.

    Examples:
        >>> generate_task(128, 64)
        'generate 128:64'
    """
    return f"generate {prompt}:{length}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """A token sequence that a model is given, and the tokens of it that are scored.

    Attributes:
        index: Its number in the measurement, from 0.
        ids: All of its token ids, BOS included.
        scored: The positions in `ids` that are scored, in order and from 1 on; the token at a position is
            predicted from those before it.
        source: The source that its tokens come from, if known.
        group: The source's group, if known.
        document: The document that its first scored token comes from, the unit of the bootstrap: of a row of
            several, the row's first.
        task: `TEXT`; or, where a model wrote the scored tokens, what it was to write (`generate_task`,
            `CALLS`, `OWN_CALLS`).
    """

    index: int
    ids: Ids
    scored: Ids
    source: str | None = None
    group: str | None = None
    document: str
    task: str = TEXT

    @property
    def targets(self) -> Ids:
        """The ids of the scored tokens."""
        return self.ids[self.scored]


def cut_windows(
    ids: npt.ArrayLike, ctx: int, bos: int | None, document_at: Callable[[int], str] = lambda _: TEXT
) -> Iterator[Window]:
    """Cut a text's ids as llama.cpp's perplexity tool does, and score the second half of each window.

    Windows don't overlap, and a tail that fills none is dropped. BOS takes the place of the first token of
    each window. Of a window of 512 tokens, those at 257 to 511 are scored, so that each has at least 256
    tokens before it.

    Args:
        ids: The ids of the whole text, with the BOS that the tokenizer puts before a text.
        ctx: How many tokens a window has.
        bos: The id of BOS; None if the tokenizer puts none before a text, so that every token stays.
        document_at: Returns the document that the token at a position of the text comes from.
    """
    whole = np.asarray(ids, dtype=np.int32)
    scored = second_half(ctx)
    for index in range(len(whole) // ctx):
        start = index * ctx
        cut = whole[start : start + ctx].copy()
        if bos is not None:
            cut[0] = bos
        first = start + int(scored[0]) if len(scored) else start
        yield Window(index=index, ids=cut, scored=scored, document=document_at(first))


def second_half(ctx: int) -> Ids:
    """Return the positions that llama.cpp scores in a window.

    Examples:
        >>> second_half(8)
        array([5, 6, 7], dtype=int32)
    """
    return np.arange(ctx // 2 + 1, ctx, dtype=np.int32)
