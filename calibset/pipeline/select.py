"""The samples of a file: collected until the quotas are met, chosen, repeated if needed, and ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from calibset.core.documents import Sample
from calibset.core.errors import MixtureError
from calibset.core.progress import Progress, labelled
from calibset.core.shortage import Shortage
from calibset.hygiene.stats import LeftOut, ReadStats
from calibset.packing import TOO_LONG
from calibset.pipeline.context import BuildContext
from calibset.pipeline.must_cover_terms import find_terms
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.model import Recipe
from calibset.selection.coverage import Candidate, TokenSets, select_by_coverage
from calibset.selection.coverage_report import CoverageReport, report_coverage
from calibset.selection.holdout import HeldOut
from calibset.selection.options import Holdout, Selection
from calibset.selection.quotas import Mixture, interleave
from calibset.tokenizers.truncation import VisibleIds


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """The requirements of one of a build's files.

    Attributes:
        role: Whether it is the calibration file or its holdout.
        mixture: How many samples each source gives.
        selection: How the samples are chosen.
    """

    role: Literal["calibration", "holdout"]
    mixture: Mixture
    selection: Selection

    @classmethod
    def of_calibration(cls, recipe: Recipe) -> FileSpec:
        """Return the requirements of a recipe's calibration file."""
        return cls(role="calibration", mixture=recipe.mixture, selection=recipe.selection)

    @classmethod
    def of_holdout(cls, recipe: Recipe, holdout: Holdout) -> FileSpec:
        """Return the requirements of a recipe's holdout: the same mixture, chosen by the seed alone."""
        mixture = recipe.model_copy(update={"nsamples": holdout.nsamples}).mixture
        return cls(role="holdout", mixture=mixture, selection=Selection())


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedSamples:
    """The samples of one file, in order, and how they were selected.

    Attributes:
        samples: The samples.
        quotas: How many samples were asked of each source.
        repeated: How many of each source's samples are repeats.
        pool: How many samples of each source there were to choose from.
        coverage: The coverage of the samples; None if the seed alone chose them.
        stats: The counts of each source's records when the file was complete.
        left_out: What had been left out of each source by then, also by this file's packing.
        not_compared: Documents that had found no room in the index of duplicates by then.
    """

    samples: tuple[Sample, ...]
    quotas: Mapping[str, int]
    repeated: Mapping[str, int]
    pool: Mapping[str, int]
    coverage: CoverageReport | None
    stats: Mapping[str, ReadStats]
    left_out: Mapping[str, LeftOut]
    not_compared: int


def select_samples(
    context: BuildContext, streams: Mapping[str, SourceStream], spec: FileSpec
) -> SelectedSamples:
    """Read the sources until there are enough samples for a file, and select them.

    Raises:
        MixtureError: The sources run short, and the policy leaves no way out.
        SourceError: A source can't be read, or too many of its records were rejected.
    """
    progress = labelled(context.progress, "holdout") if spec.role == "holdout" else context.progress
    repeated = collect_samples(context.recipe, streams, spec, progress)
    rows = {name: list(stream.samples) for name, stream in streams.items()}
    pool: Mapping[str, int] = {name: len(samples) for name, samples in rows.items()}
    coverage = None
    if spec.selection.method == "coverage":
        for name, count in pool.items():
            if count:
                _take(streams[name], count * (spec.selection.pool - 1), labelled(progress, "candidates"))
        with context.timings.measure("selection"):
            rows, coverage = _select_by_coverage(context, streams, spec.selection, pool)
        pool = {name: len(streams[name].samples) if count else 0 for name, count in pool.items()}
    for stream in streams.values():
        stream.require_readable(context.recipe.max_rejected_of(stream.name))
    return SelectedSamples(
        samples=order_samples(spec.mixture, repeat_samples(rows, repeated)),
        quotas=spec.mixture.quotas(),
        repeated=repeated,
        pool=pool,
        coverage=coverage,
        stats={name: stream.stats.snapshot() for name, stream in streams.items()},
        left_out={name: stream.left_out for name, stream in streams.items()},
        not_compared=context.indexes.duplicates.not_indexed,
    )


def collect_samples(
    recipe: Recipe, streams: Mapping[str, SourceStream], spec: FileSpec, progress: Progress
) -> Mapping[str, int]:
    """Take samples from each source until the mixture is complete, and return how many must be repeated.

    Raises:
        MixtureError: The sources run short, and the policy leaves no way out.
        SourceError: A source can't be read.
    """
    wanted: Mapping[str, int] | Shortage = spec.mixture.quotas()
    while wanted and not isinstance(wanted, Shortage):
        for name, count in wanted.items():
            _take(streams[name], count, progress)
        counts = {name: len(stream.samples) for name, stream in streams.items()}
        exhausted = [name for name, stream in streams.items() if stream.exhausted]
        wanted = spec.mixture.next_quotas(counts, exhausted)
    if isinstance(wanted, Shortage):
        raise _mixture_error(wanted, recipe, streams, spec)
    repeated = spec.mixture.repeats(counts) if spec.mixture.shortage == "repeat" else {}
    if isinstance(repeated, Shortage):
        raise _mixture_error(repeated, recipe, streams, spec)
    return repeated


def repeat_samples(
    rows: Mapping[str, Sequence[Sample]], repeated: Mapping[str, int]
) -> dict[str, list[Sample]]:
    """Return the samples of each source, followed by as many repeats as are wanted."""
    return {
        name: [*samples, *(samples[index % len(samples)] for index in range(repeated.get(name, 0)))]
        for name, samples in rows.items()
    }


def order_samples(mixture: Mixture, rows: Mapping[str, Sequence[Sample]]) -> tuple[Sample, ...]:
    """Order samples so that every prefix keeps the mixture of groups and, in each group, of sources."""
    counts = {group: {name: len(rows[name]) for name in names} for group, names in mixture.weights.items()}
    source_turns = {group: iter(interleave(members)) for group, members in counts.items()}
    remaining = {name: iter(samples) for name, samples in rows.items()}
    group_turns = interleave({group: sum(members.values()) for group, members in counts.items()})
    return tuple(next(remaining[next(source_turns[group])]) for group in group_turns)


def _take(stream: SourceStream, count: int, progress: Progress) -> None:
    """Take ``count`` further samples from a source, or all it has."""
    goal = len(stream.samples) + count
    for _ in stream.take(count):
        progress(stream.name, len(stream.samples), goal)
    if stream.exhausted:
        progress(stream.name, len(stream.samples), len(stream.samples))


def _mixture_error(
    shortage: Shortage, recipe: Recipe, streams: Mapping[str, SourceStream], spec: FileSpec
) -> MixtureError:
    left_out = {name: stream.left_out for name, stream in streams.items() if stream.exhausted}
    hints = []
    if any(TOO_LONG in records.filtered for records in left_out.values()):
        hints.append("a larger seqlen would hold the conversations that are longer than a row")
    if spec.role == "holdout":
        hints.append(
            "or ask for fewer rows of it (holdout.nsamples), since each document belongs to one of the two "
            "files"
        )
    elif recipe.holdout is not None:
        held_out = HeldOut.of(recipe.holdout, recipe.nsamples, recipe.seed)
        key = "nsamples" if recipe.holdout.share is None else "share"
        hints.append(
            f"the holdout takes about {held_out.part} of each {held_out.whole} documents: lower holdout.{key}"
        )
    reasons = {name: records.describe() for name, records in left_out.items()}
    return MixtureError(shortage, file=spec.role, left_out=reasons, hints=hints)


def _select_by_coverage(
    context: BuildContext,
    streams: Mapping[str, SourceStream],
    selection: Selection,
    quotas: Mapping[str, int],
) -> tuple[dict[str, list[Sample]], CoverageReport]:
    """Return the samples of the pool that cover most, in the order they came, and what they cover."""
    tokenizer, seqlen = context.tokenizer, context.recipe.seqlen
    pool = [sample for name, quota in quotas.items() if quota for sample in streams[name].samples]
    visible = [VisibleIds(sample.token_ids, tokenizer, seqlen) for sample in pool]
    titles = [title for name in selection.terms_of for title in streams[name].stats.titles]
    terms, terms_in_rows = find_terms(selection, tokenizer, seqlen, pool, titles)
    candidates = [
        Candidate(token_ids=ids, group=sample.source, terms=held)
        for sample, ids, held in zip(pool, visible, terms_in_rows, strict=True)
    ]
    sets = TokenSets(candidates)
    chosen = select_by_coverage(candidates, quotas, sets=sets)
    report = report_coverage(candidates, chosen, quotas, terms=terms, sets=sets)
    rows: dict[str, list[Sample]] = {name: [] for name in quotas}
    for index in sorted(chosen):
        rows[pool[index].source].append(pool[index])
    return rows, report
