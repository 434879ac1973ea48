"""Rows taken from the sources until the mixture is complete, and put in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from calibset.core.documents import Sample
from calibset.core.errors import MixtureError
from calibset.packing import TOO_LONG
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.model import Recipe
from calibset.selection.quotas import interleave


class Progress(Protocol):
    """Is told how far a build or a check has come."""

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        """Note that a source has given ``done`` of ``asked`` samples (records, for a check)."""
        ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows of a set by source.

    Attributes:
        rows: Those that each source gives, repeats at the end.
        repeated: How many of them are repeats.
    """

    rows: Mapping[str, list[Sample]]
    repeated: Mapping[str, int]

    def counts(self) -> dict[str, int]:
        """Return how many rows each source gives without repeats."""
        return {name: len(rows) - self.repeated.get(name, 0) for name, rows in self.rows.items()}


def gathered(recipe: Recipe, supplies: Mapping[str, SourceStream], progress: Progress | None) -> Gathered:
    """Take from each source what the mixture asks, until the set is complete.

    Raises:
        MixtureError: The sources run short, and the policy leaves no way out.
        SourceError: One can't be read.
    """
    wanted = dict(recipe.mixture.quotas())
    while wanted:
        for name, count in wanted.items():
            taken(supplies[name], count, progress)
        got = {name: len(supply.samples) for name, supply in supplies.items()}
        gone = [name for name, supply in supplies.items() if supply.exhausted]
        with _saying_why(supplies, gone):
            wanted = recipe.mixture.next_quotas(got, gone)
    with _saying_why(supplies, gone):
        repeated = recipe.mixture.repeats(got) if recipe.shortage_policy == "repeat" else {}
    rows = {name: list(supply.samples) for name, supply in supplies.items()}
    return repeating(Gathered(rows, repeated))


def repeating(found: Gathered) -> Gathered:
    """Return the rows with as many repeats behind them as are wanted."""
    rows = {
        name: own + [own[i % len(own)] for i in range(found.repeated.get(name, 0))]
        for name, own in found.rows.items()
    }
    return Gathered(rows, found.repeated)


def taken(supply: SourceStream, count: int, progress: Progress | None) -> None:
    """Let a source give so many further rows, or all it has."""
    goal = len(supply.samples) + count
    for _ in supply.take(count):
        if progress:
            progress(supply.name, len(supply.samples), goal)
    if progress and supply.exhausted:
        progress(supply.name, len(supply.samples), len(supply.samples))


def labelled_progress(progress: Progress | None, what: str) -> Progress | None:
    """Return what tells of sources under their names and what is taken of them besides."""
    if progress is None:
        return None

    def report(source: str, done: int, asked: int | None) -> None:
        progress(f"{source} ({what})", done, asked)

    return report


def in_order(recipe: Recipe, rows: Mapping[str, list[Sample]]) -> tuple[Sample, ...]:
    """Order the rows so that every prefix holds the mixture, of groups and in each of sources."""
    members = {
        group: {name: len(rows[name]) for name in names} for group, names in recipe.mixture.weights.items()
    }
    turns = {group: iter(interleave(counts)) for group, counts in members.items()}
    left = {name: iter(samples) for name, samples in rows.items()}
    groups = interleave({group: sum(counts.values()) for group, counts in members.items()})
    return tuple(next(left[next(turns[group])]) for group in groups)


@contextmanager
def _saying_why(supplies: Mapping[str, SourceStream], gone: list[str]) -> Iterator[None]:
    """Add to a shortage what was left out of the sources that ran short."""
    try:
        yield
    except MixtureError as error:
        reasons = [f"of {name} {left_out}" for name in gone if (left_out := supplies[name].tally.left_out())]
        said = f"{error}; left out: {'; '.join(reasons)}" if reasons else str(error)
        if any(TOO_LONG in supplies[name].tally.filtered for name in gone):
            said += "; a larger seqlen would hold the conversations that are longer than a row"
        raise MixtureError(said) from error
