"""The rows of a recipe's files: gathered, chosen, ordered, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from calibset.core.documents import Filtered, Rejection, Sample
from calibset.core.errors import CalibsetError, MixtureError, QuantizerError
from calibset.dataset.manifest import HoldoutReport, Manifest
from calibset.pipeline.evaluation_sets import EvaluationSet, open_shared_indexes
from calibset.pipeline.gathering import Progress, gathered, in_order, labelled_progress
from calibset.pipeline.manifest_builder import Outcome, manifest_of
from calibset.pipeline.select import chosen
from calibset.pipeline.source_stream import SourceStream, open_source_stream, with_holdout
from calibset.quantizers import LoadReport, Quantizer, RowInput, get_quantizer
from calibset.recipe.model import Recipe
from calibset.selection.options import Holdout, Selection
from calibset.storage import Reader
from calibset.tokenizers import Tokenizer, find_tokenizer_file, reads_control_tokens_as_text
from calibset.tokenizers.truncation import visible_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The rows of a file, and what there is to say of them.

    Attributes:
        samples: In order.
        manifest: Their record.
        notes: What whoever uses the file should know.
        rejections: By source, the records that could not be read or hold nothing.
        left_out: By source, the records left out on purpose.
        seconds: What hygiene and selection took, by step.
        holdout: The second file, if there is one.
    """

    samples: tuple[Sample, ...]
    manifest: Manifest
    notes: tuple[str, ...]
    rejections: Mapping[str, tuple[Rejection, ...]]
    left_out: Mapping[str, tuple[Filtered, ...]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    holdout: Assembly | None = None


def assembled(
    recipe: Recipe, readers: Mapping[str, Reader], tokenizer: Tokenizer, progress: Progress | None
) -> Assembly:
    """Return the rows of a recipe's file, and of its holdout.

    Raises:
        CalibsetError: As `calibset.build`; its ``rejections`` and ``left_out`` are those that were met.
    """
    screens, evaluations = open_shared_indexes(recipe, readers)
    supplies: dict[str, SourceStream] = {}
    held: dict[str, SourceStream] = {}
    for name in recipe.sources:
        supply, other = with_holdout(
            open_source_stream(name, recipe, readers[name], tokenizer, screens), recipe
        )
        supplies[name] = supply
        held |= {name: other} if other else {}
    with _telling_left_out(supplies):
        with _with_a_holdout(recipe):
            first = _outcome(recipe, supplies, tokenizer, screens.seconds, progress)
        made = _assembly(recipe, tokenizer, supplies, evaluations, first)
        if recipe.holdout is not None:
            with _of_the_holdout():
                second = _outcome(
                    _second(recipe, recipe.holdout),
                    held,
                    tokenizer,
                    screens.seconds,
                    labelled_progress(progress, "holdout"),
                )
            about = HoldoutReport(role="calibration", nsamples=recipe.nsamples, sha256=made.manifest.sha256)
            holdout = _assembly(recipe, tokenizer, held, evaluations, second, about)
            made = _with_holdout(made, holdout)
    return replace(made, seconds=dict(screens.seconds))


def _second(recipe: Recipe, holdout: Holdout) -> Recipe:
    """Return the recipe of the second file: the same mixture, chosen by the seed alone."""
    return recipe.model_copy(update={"nsamples": holdout.nsamples, "selection": Selection()})


def _with_holdout(made: Assembly, holdout: Assembly) -> Assembly:
    """Return the first file with the second one told of; what was left out is that of both."""
    about = holdout.manifest
    report = HoldoutReport(role="holdout", nsamples=about.nsamples, sha256=about.sha256)
    return replace(
        made,
        manifest=made.manifest.model_copy(update={"other": report}),
        notes=tuple(dict.fromkeys((*made.notes, *holdout.notes))),
        rejections=holdout.rejections,
        left_out=holdout.left_out,
        holdout=holdout,
    )


@contextmanager
def _with_a_holdout(recipe: Recipe) -> Iterator[None]:
    """Say of a shortage that some documents are held out."""
    try:
        yield
    except MixtureError as error:
        if recipe.holdout is None:
            raise
        part, whole = recipe.holdout.nsamples, recipe.holdout.nsamples + recipe.nsamples
        raise MixtureError(
            f"{error}; the holdout takes about {part} of each {whole} documents: lower holdout.nsamples"
        ) from error


@contextmanager
def _of_the_holdout() -> Iterator[None]:
    """Say of a shortage that it is the second file's."""
    try:
        yield
    except MixtureError as error:
        raise MixtureError(
            f"holdout: {error}; or ask for fewer rows of it (holdout.nsamples), since each document "
            "belongs to one of the two files"
        ) from error


def _outcome(
    recipe: Recipe,
    supplies: Mapping[str, SourceStream],
    tokenizer: Tokenizer,
    seconds: dict[str, float],
    progress: Progress | None,
) -> Outcome:
    found = gathered(recipe, supplies, progress)
    choice = chosen(recipe, supplies, found, tokenizer, seconds, progress)
    for supply in supplies.values():
        supply.ensure_readable(recipe.max_rejected)
    samples = in_order(recipe, choice.gathered.rows)
    replay = _replayed(recipe, samples, tokenizer)
    _ensure_kept(replay, samples, get_quantizer(recipe.quantizer))
    return Outcome(recipe=recipe, choice=choice, samples=samples, replay=replay)


def _replayed(recipe: Recipe, samples: tuple[Sample, ...], tokenizer: Tokenizer) -> LoadReport:
    """Return what the recipe's quantizer does with the rows, in the form that it takes best."""
    quantizer = get_quantizer(recipe.quantizer)
    rows: Iterator[RowInput] = (
        tuple(visible_ids(sample.token_ids, tokenizer, recipe.seqlen)) if quantizer.takes_ids else sample.text
        for sample in samples
    )
    return quantizer.simulate(rows, tokenizer, nsamples=recipe.nsamples, seqlen=recipe.seqlen)


def _assembly(
    recipe: Recipe,
    tokenizer: Tokenizer,
    supplies: Mapping[str, SourceStream],
    evaluations: Mapping[str, EvaluationSet],
    outcome: Outcome,
    other: HoldoutReport | None = None,
) -> Assembly:
    return Assembly(
        samples=outcome.samples,
        manifest=manifest_of(recipe, tokenizer, supplies, evaluations, outcome, other),
        notes=(
            *tokenizer.notes,
            *dict.fromkeys(note for supply in supplies.values() for note in supply.tally.notes),
            *_without_titles(recipe, supplies),
            *_unread_control_tokens(recipe, tokenizer, outcome.samples),
        ),
        rejections=_rejected(supplies),
        left_out=_set_aside(supplies),
    )


def _rejected(supplies: Mapping[str, SourceStream]) -> dict[str, tuple[Rejection, ...]]:
    return {name: tuple(supply.tally.rejected) for name, supply in supplies.items()}


def _set_aside(supplies: Mapping[str, SourceStream]) -> dict[str, tuple[Filtered, ...]]:
    return {name: tuple(supply.tally.aside) for name, supply in supplies.items()}


def _without_titles(recipe: Recipe, supplies: Mapping[str, SourceStream]) -> Iterator[str]:
    for name in recipe.selection.terms_of:
        if not supplies[name].titles:
            yield f"selection.terms_of: no document of {name} has a title, so it gives no terms"


@contextmanager
def _telling_left_out(supplies: Mapping[str, SourceStream]) -> Iterator[None]:
    """Let an error carry what was rejected or filtered until then, since that may be why."""
    try:
        yield
    except CalibsetError as error:
        error.rejections = _rejected(supplies)
        error.filtered = _set_aside(supplies)
        raise


def _unread_control_tokens(
    recipe: Recipe, tokenizer: Tokenizer, samples: tuple[Sample, ...]
) -> Iterator[str]:
    """Say how many rows a quantizer that loads the model's own tokenizer would misread."""
    if not reads_control_tokens_as_text(find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=True)):
        return
    control = frozenset(tokenizer.special_tokens.values())
    product = get_quantizer(recipe.quantizer).info.product
    if affected := sum(not control.isdisjoint(sample.token_ids) for sample in samples):
        yield (
            f"{affected} of {len(samples)} rows hold control tokens, which transformers reads as letters "
            f"beside a tekken.json: give {product} what `calibset tokenizer` or `calibset export` writes"
        )


def _is_the_tail(replay: LoadReport, quantizer: Quantizer) -> bool:
    """Return whether no more is lost than the last of rows that are joined and cut anew."""
    last = replay.rows[-1:] if not replay.fatal else ()
    return quantizer.info.joins_rows and replay.lost == last


def _ensure_kept(replay: LoadReport, samples: tuple[Sample, ...], quantizer: Quantizer) -> None:
    if replay.kept < replay.nsamples and not _is_the_tail(replay, quantizer):
        rows = (f"row {row.row} (source {samples[row.row - 1].source}): {row.reason}" for row in replay.lost)
        lost = "; ".join(islice(chain(replay.fatal, rows), 5))
        raise QuantizerError(
            f"{replay.quantizer} would keep {replay.kept} of {replay.nsamples} rows, so nothing was written: "
            f"{lost}; please report this recipe"
        )
