"""A trial of a recipe: how many rows its sources can give, and what the first of each looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibset.core.documents import Sample
from calibset.core.errors import CalibsetError
from calibset.core.progress import Progress
from calibset.pipeline.context import BuildContext, open_context
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.source_stream import SourceStream, open_source_stream
from calibset.recipe.model import Recipe
from calibset.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrial:
    """What a source gave.

    Attributes:
        rows: How many rows it gave: all that it has, if that is fewer than were asked of it.
        is_exhausted: Whether it has no more rows.
        sample: Its first row; None if it gave none.
        gives: Whether its records are texts or conversations.
        documents: How many documents or conversations were read.
        left_out: The commonest reasons why records were left out; empty if none was.
        problem: Why it can't be read; None if it can.
    """

    rows: int
    is_exhausted: bool
    sample: Sample | None
    gives: str
    documents: int
    left_out: str
    problem: str | None


def try_recipe(recipe: Recipe, storage: Storage, progress: Progress) -> dict[str, SourceTrial]:
    """Read as much of each source as a build would, and return what each gave.

    Raises:
        CalibsetError: The tokenizer can't be loaded, or a location can't be opened.
    """
    context = open_context(recipe, None, storage, progress)
    wanted = count_wanted_rows(recipe)
    streams = {
        name: open_source_stream(
            name, recipe, context.readers[name], context.tokenizer, context.indexes, rows=wanted[name]
        )
        for name in recipe.sources
    }
    problems: dict[str, str] = {}
    asked = dict(recipe.mixture.quotas())
    while asked:
        for name, count in asked.items():
            _take(streams[name], count, context, problems)
        given = sum(len(stream.samples) for stream in streams.values())
        open_names = [
            name for name, stream in streams.items() if not stream.exhausted and name not in problems
        ]
        missing = recipe.nsamples - given
        share = -(-missing // max(1, len(open_names)))
        asked = dict.fromkeys(open_names, share) if missing > 0 else {}
    return {name: _describe(stream, problems.get(name)) for name, stream in streams.items()}


def _take(stream: SourceStream, count: int, context: BuildContext, problems: dict[str, str]) -> None:
    try:
        for _ in stream.take(max(count, 1)):
            context.progress(stream.name, len(stream.samples), None)
        stream.require_readable(context.recipe.max_rejected_of(stream.name))
    except CalibsetError as error:
        problems[stream.name] = str(error).removeprefix(f"sources.{stream.name}: ")


def _describe(stream: SourceStream, problem: str | None) -> SourceTrial:
    first = stream.samples[0] if stream.samples else None
    return SourceTrial(
        rows=len(stream.samples),
        is_exhausted=stream.exhausted,
        sample=first,
        gives=stream.stats.gives or "texts",
        documents=stream.stats.documents,
        left_out=stream.left_out.describe(),
        problem=problem,
    )


def total_rows(trials: Mapping[str, SourceTrial]) -> int:
    """Return how many rows the sources gave together."""
    return sum(trial.rows for trial in trials.values())
