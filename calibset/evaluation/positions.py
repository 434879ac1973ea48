"""Scored positions of windows as columns, and what two models say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from calibset.evaluation.comparison import EVERYTHING, Bound, DomainKind
from calibset.evaluation.figures.bootstrap import Array, Codes, number_documents
from calibset.evaluation.figures.divergence import Divergence, LikelyTokens, truncated_divergence
from calibset.evaluation.measurement import WindowScores
from calibset.evaluation.windows import Ids, Window

Mask = npt.NDArray[np.bool_]

SHOWN = 3
"""How many of the likeliest tokens of each model a page names."""


class Domain(NamedTuple):
    """A part of the data that has figures of its own."""

    kind: DomainKind
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """The scored positions of windows, one after another.

    Attributes:
        windows: The windows.
        window: The number of each position's window, from 0.
        position: Its place in the window.
        targets: The token that stands there.
        documents: The number of its document.
    """

    windows: tuple[Window, ...]
    window: Codes
    position: Codes
    targets: Ids
    documents: Codes

    @classmethod
    def of(cls, windows: Sequence[Window]) -> Self:
        """Return the scored positions of windows."""
        counts = [len(window.scored) for window in windows]
        documents = number_documents([window.document for window in windows])
        empty = np.empty(0, dtype=np.int32)
        return cls(
            tuple(windows),
            np.repeat(np.arange(len(windows)), counts),
            np.concatenate([empty, *(window.scored for window in windows)]).astype(np.int64),
            np.concatenate([empty, *(window.targets for window in windows)]),
            np.repeat(documents, counts),
        )

    def domains(self) -> Iterator[tuple[Domain, Mask]]:
        """Yield all of the data, each group and each source, with its positions.

        Sources that are their groups under another name, or all of the data, are left out.
        """
        yield Domain("all", EVERYTHING), np.ones(len(self.targets), dtype=bool)
        groups = _split([window.group for window in self.windows])
        # The sources of a group stand together.
        ordered = sorted(
            self.windows, key=lambda window: list(groups).index(window.group) if window.group else -1
        )
        sources = _split([window.source for window in self.windows])
        sources = {
            name: sources[name] for name in dict.fromkeys(one.source for one in ordered) if name is not None
        }
        if {tuple(members) for members in groups.values()} == {tuple(one) for one in sources.values()}:
            sources = {}
        yield from (
            (Domain("group", name), np.isin(self.window, members)) for name, members in groups.items()
        )
        yield from (
            (Domain("source", name), np.isin(self.window, members)) for name, members in sources.items()
        )


def _split(names: Sequence[str | None]) -> dict[str, list[int]]:
    """Return the windows of each name, in the order of the names' first windows."""
    members: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if name is not None:
            members.setdefault(name, []).append(number)
    return members


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """What the base and another model say of the same positions.

    Attributes:
        base: The base's log probability of each target, and its likeliest tokens.
        other: The same of the other model.
        divergence: The divergence at each position; None if likely tokens are not known.
        bound: Whether the divergences are lower bounds.
    """

    base: LikelyTokens
    other: LikelyTokens
    divergence: Divergence | None
    bound: Bound

    @property
    def same_top(self) -> Mask | None:
        """Whether both find the same token likeliest; None if likely tokens are not known."""
        if self.divergence is None:
            return None
        return np.asarray(_first_ids(self.base) == _first_ids(self.other))

    @property
    def change(self) -> Array:
        """How much more the target surprises the other model than the base, in nats."""
        return self.base.logprobs.astype(np.float64) - self.other.logprobs.astype(np.float64)

    @property
    def probability_change(self) -> Array:
        """How much more probable the other model finds the target."""
        return np.asarray(
            np.exp(self.other.logprobs.astype(np.float64)) - np.exp(self.base.logprobs.astype(np.float64))
        )


def _first_ids(tokens: LikelyTokens) -> Ids:
    """Return the likeliest token at each position: of several that are equally likely, the lowest id.

    In bfloat16 such ties are common, and libraries put them in any order.
    """
    is_first = tokens.top_logprobs == tokens.top_logprobs[:, :1]
    lowest: Ids = np.where(is_first, tokens.top_ids, np.iinfo(np.int32).max).min(axis=1)
    return lowest


def join_scores(scores: Sequence[WindowScores]) -> LikelyTokens:
    """Return the scores of windows one after another."""
    if not scores:
        return LikelyTokens(np.empty(0, np.float32), np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))
    return LikelyTokens(
        np.concatenate([one.logprobs for one in scores]),
        np.concatenate([one.top_ids for one in scores]),
        np.concatenate([one.top_logprobs for one in scores]),
    )


def pair_from_likely(base: LikelyTokens, other: LikelyTokens, targets: Ids) -> PairScores:
    """Return the scores of a pair of which only the likeliest tokens are known."""
    is_known = min(base.top_ids.shape[1], other.top_ids.shape[1]) > 0
    divergence = truncated_divergence(base, other, targets) if is_known else None
    return PairScores(base.likeliest(SHOWN), other.likeliest(SHOWN), divergence, "at least")
