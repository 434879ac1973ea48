"""`check`: the sources of a recipe, read to their ends and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibset.core.errors import CalibsetError
from calibset.core.progress import Progress, show_progress
from calibset.core.short_forms import count, write_line, write_table
from calibset.dataset.source_reports import ScoresReport
from calibset.hygiene.stats import ReadStats
from calibset.pipeline.context import as_recipe
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.locking import read_existing_lock
from calibset.pipeline.notes import describe_full_index, note_source
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.pipeline.scoring.choosing import choose_records
from calibset.pipeline.source_stream import SourceStream, open_source_stream
from calibset.pipeline.workers import Workers, open_workers
from calibset.recipe.model import Recipe
from calibset.tokenizers import load_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """The result of reading a source to its end.

    Attributes:
        name: The source's name in the recipe.
        location: The location that was read.
        stats: The counts of its records.
        notes: What users of the source should know, as sentences.
        problem: Why the source could not be read to its end, or its scores not be used; None if they could.
        scores: How its documents would be chosen, if that is by scores.
    """

    name: str
    location: str
    stats: ReadStats
    notes: tuple[str, ...]
    problem: str | None
    scores: ScoresReport | None = None

    def __repr__(self) -> str:
        left_out = self.stats.left_out
        return write_line(
            "SourceCheck", self.name, count(self.stats.documents, "document"),
            f"{left_out.rejections.total():,} rejected", f"{left_out.filtered.total():,} filtered",
            *([self.problem] if self.problem else []),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        left_out = self.stats.left_out
        return write_table(
            f"{self.name} ({self.location}): {count(self.stats.documents, 'document')}"
            + (f"; {self.problem}" if self.problem else ""),
            ("left out", "reason", "records", "for example"),
            (
                (kind, reason, number, left_out.examples[reason])
                for kind, counts in (("rejected", left_out.rejections), ("filtered", left_out.filtered))
                for reason, number in counts.most_common()
            ),
        )


def check(  # noqa: PLR0913  (a program names those that it needs)
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
    sources: Mapping[str, object] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    **changes: Any,
) -> tuple[SourceCheck, ...]:
    """Read every source to its end and count its records; the arguments are those of `build`."""
    recipe = as_recipe(recipe, changes, sources)
    lock = read_existing_lock(recipe)
    storage = open_storage(recipe, data, mirrors, offline=offline, given=sources)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    indexes, evaluations = index_evaluation_sets(recipe, open_readers(recipe, storage, lock, recipe.exclude))

    wanted = count_wanted_rows(recipe)

    def open_stream(name: str, workers: Workers | None) -> SourceStream:
        reader = open_reader(name, recipe, storage, lock)
        return open_source_stream(
            name, recipe, reader, tokenizer, indexes, rows=wanted[name], workers=workers
        )

    def write_notes(name: str, stats: ReadStats) -> tuple[str, ...]:
        return (*stats.notes, *note_source(recipe, name, stats, tokenizer))

    def with_scores(check: SourceCheck) -> SourceCheck:
        """Return the check of a source with what its scores choose, if there are any."""
        if not recipe.sources[check.name].scores:
            return check
        try:
            reader = open_reader(check.name, recipe, storage, lock)
            chosen = choose_records(check.name, recipe, reader, tokenizer, evaluations)
        except CalibsetError as error:
            return replace(check, problem=check.problem or str(error))
        return replace(check, scores=chosen.report)

    with show_progress(progress, "records") as shown, open_workers(workers, executor) as opened:
        checks = [
            with_scores(
                _check_source(
                    name, source.where[0], lambda name: open_stream(name, opened), write_notes, shown
                )
            )
            for name, source in recipe.sources.items()
        ]
        notes = [opened.note] if opened and opened.note else []
        if count := indexes.duplicates.not_indexed:
            notes.append(describe_full_index(count, "are counted as documents"))
        checks[-1] = replace(checks[-1], notes=(*checks[-1].notes, *notes))
        return tuple(checks)


def _check_source(
    name: str,
    location: str,
    open_stream: Callable[[str], SourceStream],
    write_notes: Callable[[str, ReadStats], tuple[str, ...]],
    progress: Progress,
) -> SourceCheck:
    stats, problem, count = ReadStats(), None, 0
    try:
        stream = open_stream(name)
        stats, location = stream.stats, stream.reader.location
        for count, _ in enumerate(stream.items, 1):
            if count % 100 == 0:
                progress(name, count, None)
        stream.require_documents()
    except CalibsetError as error:
        problem = str(error)
    progress(name, count, count)
    return SourceCheck(
        name=name, location=location, stats=stats, notes=write_notes(name, stats), problem=problem
    )
