"""The windows in which a model strays furthest from its base, and the tokens at which it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from calibset.evaluation.figures.bootstrap import Array
from calibset.evaluation.figures.divergence import LikelyTokens
from calibset.evaluation.page.token_texts import spell_token, spell_tokens
from calibset.evaluation.positions import PairScores, Positions
from calibset.evaluation.windows import Window
from calibset.tokenizers import Tokenizer

LEVELS = (0.1, 0.3, 1.0, 3.0)
"""The divergences from which a token is coloured, each more than the one before."""

_WINDOWS = 6
_TOKENS = 8
_LONGEST = 400
_COMMON = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a window's text.

    Attributes:
        text: The text.
        level: How far the models diverge there: the number of `LEVELS` that are reached.
        kld: The divergence, the largest of its tokens'; None if it was not scored.
    """

    text: str
    level: int
    kld: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A token that a model finds likely.

    Attributes:
        text: The token.
        share: Its probability.
    """

    text: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token at which the models diverge.

    Attributes:
        position: Its place in the window.
        text: The token that stands there.
        kld: The divergence.
        base_share: The probability that the base gives it.
        other_share: The probability that the other model gives it.
        base: What the base finds likeliest.
        other: What the other model finds likeliest.
    """

    position: int
    text: str
    kld: float
    base_share: float
    other_share: float
    base: tuple[Likely, ...]
    other: tuple[Likely, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstWindow:
    """A window in which a model strays far from its base.

    Attributes:
        window: The window.
        kld: Its mean divergence.
        pieces: Its text, or the part of a long one where the divergence is largest.
        is_cut: Whether only a part is there.
        tokens: The tokens at which the models diverge most, the furthest first.
    """

    window: Window
    kld: float
    pieces: tuple[Piece, ...]
    is_cut: bool
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonToken:
    """A token at whose places the models diverge, all places together.

    Attributes:
        text: The token.
        count: How often it was scored.
        mean: The mean divergence at its places.
        share: The part of all divergence that is there.
    """

    text: str
    count: int
    mean: float
    share: float


def find_worst_windows(positions: Positions, pair: PairScores, tokenizer: Tokenizer) -> Iterator[WorstWindow]:
    """Yield the windows of the largest mean divergence, the worst first."""
    if pair.divergence is None:
        return
    kld = pair.divergence.values
    counts = np.bincount(positions.window, minlength=len(positions.windows))
    means = np.bincount(positions.window, kld, minlength=len(positions.windows)) / np.maximum(counts, 1)
    starts = np.concatenate([[0], np.cumsum(counts)])
    for number in np.argsort(-means, kind="stable")[:_WINDOWS].tolist():
        if not counts[number] or not means[number]:
            continue
        window, rows = positions.windows[number], slice(starts[number], starts[number + 1])
        first, last = _choose_part(window, kld[rows])
        yield WorstWindow(
            window=window,
            kld=float(means[number]),
            pieces=tuple(_pieces(window, kld[rows], first, last, tokenizer)),
            is_cut=last - first < len(window.ids),
            tokens=tuple(_tokens(window, rows, pair, tokenizer)),
        )


def _choose_part(window: Window, kld: Array) -> tuple[int, int]:
    """Return where a part of a window that a page can show begins and ends."""
    length = len(window.ids)
    if length <= _LONGEST:
        return 0, length
    along = np.zeros(length)
    along[window.scored] = kld
    sums = np.convolve(along, np.ones(_LONGEST), mode="valid")
    first = int(np.argmax(sums))
    return first, first + _LONGEST


def _pieces(window: Window, kld: Array, first: int, last: int, tokenizer: Tokenizer) -> Iterator[Piece]:
    along = np.full(len(window.ids), np.nan)
    along[window.scored] = kld
    at, unscored = first, ""
    for count, text in spell_tokens(window.ids[first:last].tolist(), tokenizer):
        values = along[at : at + count]
        at += count
        if np.isnan(values).all():
            unscored += text
            continue
        if unscored:
            yield Piece(text=unscored, level=0, kld=None)
            unscored = ""
        largest = float(np.nanmax(values))
        yield Piece(text=text, level=sum(largest >= level for level in LEVELS), kld=largest)
    if unscored:
        yield Piece(text=unscored, level=0, kld=None)


def _tokens(window: Window, rows: slice, pair: PairScores, tokenizer: Tokenizer) -> Iterator[Token]:
    assert pair.divergence is not None  # noqa: S101  (the caller looked)
    kld = pair.divergence.values[rows]
    base, other = pair.base.part(rows), pair.other.part(rows)
    for place in np.argsort(-kld, kind="stable")[:_TOKENS].tolist():
        position = int(window.scored[place])
        yield Token(
            position=position,
            text=spell_token(int(window.ids[position]), tokenizer),
            kld=float(kld[place]),
            base_share=float(np.exp(base.logprobs[place])),
            other_share=float(np.exp(other.logprobs[place])),
            base=tuple(_likely(base, place, tokenizer)),
            other=tuple(_likely(other, place, tokenizer)),
        )


def _likely(tokens: LikelyTokens, place: int, tokenizer: Tokenizer) -> Iterator[Likely]:
    for token, logprob in zip(tokens.top_ids[place].tolist(), tokens.top_logprobs[place], strict=True):
        yield Likely(text=spell_token(token, tokenizer), share=float(np.exp(logprob)))


def find_common_tokens(positions: Positions, pair: PairScores, tokenizer: Tokenizer) -> Iterator[CommonToken]:
    """Yield the tokens at whose places most of the divergence is, the most first."""
    if pair.divergence is None or not (whole := float(pair.divergence.values.sum())):
        return
    ids, numbers, counts = np.unique(positions.targets, return_inverse=True, return_counts=True)
    sums = np.bincount(numbers, pair.divergence.values)
    for number in np.argsort(-sums, kind="stable")[:_COMMON].tolist():
        yield CommonToken(
            text=spell_token(int(ids[number]), tokenizer),
            count=int(counts[number]),
            mean=float(sums[number] / counts[number]),
            share=float(sums[number] / whole),
        )
