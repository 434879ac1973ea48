"""From a recipe to a calibration set, in the steps that docs/explanation/design.md draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from calibset.core.documents import Filtered, Rejection
from calibset.core.errors import CalibsetError
from calibset.core.progress import Progress, show_progress
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.diff import Difference
from calibset.dataset.lockfile import Lock
from calibset.dataset.manifest import HoldoutReport, Manifest
from calibset.hygiene.stats import LeftOut, ReadStats
from calibset.pipeline.context import BuildContext, as_recipe, open_context
from calibset.pipeline.cost_estimates import count_wanted_rows, require_memory
from calibset.pipeline.locking import (
    LockUse,
    build_lock,
    find_lock_differences,
    find_recipe_differences,
    read_existing_lock,
    require_compared,
    require_unchanged,
)
from calibset.pipeline.manifest_builder import build_manifest
from calibset.pipeline.notes import write_notes
from calibset.pipeline.proof import prove_kept
from calibset.pipeline.readers import open_storage
from calibset.pipeline.select import FileSpec, SelectedSamples, select_samples
from calibset.pipeline.source_stream import SourceStream, open_source_stream, split_holdout
from calibset.pipeline.workers import open_workers
from calibset.recipe.model import Recipe
from calibset.recipe.portable import portable_recipe


def build(  # noqa: PLR0913  (a program names those that it needs)
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    lock: LockUse = "use",
    progress: Progress | None = None,
    sources: Mapping[str, object] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    **changes: Any,
) -> CalibrationSet:
    """Build the calibration set of a recipe and prove that its quantizer keeps every row.

    Nothing is written; see `CalibrationSet.write`.

    Args:
        recipe: The recipe, or its path.
        data: A folder that relative locations are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: Mirrors, each ``https://PREFIX=https://REPLACEMENT``; those of ``CALIBSET_MIRRORS``
            come after them.
        offline: Whether only the cache is read, and no server.
        lock: What a lock beside the recipe is for: its locations and commits are read (`use`), the
            build fails unless everything is as locked (`require`), or it is ignored (`ignore`).
        progress: Called as each source gives samples; if None, bars are drawn on a terminal or in a notebook,
            and nothing anywhere else.
        sources: Rows that take the place of locations, by the name of their source or evaluation set: a
            `datasets.Dataset`, a frame of polars or pandas, a table of pyarrow, or an iterable of dicts. The
            recipe says how they are read (`type`, `columns`); it needs no `where`.
        workers: How many processes examine documents (repairs, filters, language, masks); rows, manifest and
            lock are the same for any number. One if None, or as many as the executor says that it has.
        executor: Where they are examined, in place of processes that are started for this build: any
            `concurrent.futures.Executor`, such as Dask's ``client.get_executor()``.
        changes: Values that replace those of the recipe, as ``--set`` does: ``nsamples=64``; a key inside a
            table by its path, ``**{"sources.mine.weight": 2}``.

    Raises:
        RecipeError: The recipe at the path or a change has faults.
        LockError: A lock is required, and there is none, or something differs from it.
        OfflineError: Sources are not in the cache, and ``offline`` is set.
        SourceError: A source can't be found, reached or read, or too many of its records are rejected.
        MixtureError: The sources run short and the policy leaves no way out.
        TokenizerError: The tokenizer can't be loaded, or can't render conversations.
        QuantizerError: The quantizer would not keep every row.
        ValueError: ``workers`` or ``lock`` is none of its values.
    """
    recipe = as_recipe(recipe, changes, sources)
    require_memory(recipe)
    known_lock = read_existing_lock(recipe, lock)
    if lock == "require" and known_lock is not None:
        require_unchanged(recipe, find_recipe_differences(known_lock, portable_recipe(recipe)))

    with show_progress(progress) as shown, open_workers(workers, executor) as opened:
        storage = open_storage(recipe, data, mirrors, offline=offline, given=sources)
        return _build(open_context(recipe, known_lock, storage, shown, opened), lock)


def _build(context: BuildContext, lock: LockUse) -> CalibrationSet:
    recipe = context.recipe
    streams = _open_streams(context)
    holdout, holdout_report = None, None
    try:
        calibration = select_samples(context, streams.calibration, FileSpec.of_calibration(recipe))
        report = prove_kept(context, calibration.samples)
        if recipe.holdout is not None:
            holdout = select_samples(context, streams.holdout, FileSpec.of_holdout(recipe, recipe.holdout))
            holdout_report = prove_kept(context, holdout.samples)
        if lock == "require":
            require_compared(recipe, (holdout or calibration).not_compared)
    except CalibsetError as error:
        # What had been left out by then may be the reason.
        error.rejections, error.filtered = streams.rejections(), streams.filtered()
        raise

    manifest = build_manifest(context, calibration, report)
    held_manifest = None
    if holdout is not None and holdout_report is not None:
        other = _other_file("calibration", manifest)
        held_manifest = build_manifest(context, holdout, holdout_report, other)
        manifest = manifest.model_copy(update={"other": _other_file("holdout", held_manifest)})
    make_lock, differences = _prepare_lock(context, manifest)
    if lock == "require":
        require_unchanged(recipe, differences)
    read = (holdout or calibration).stats
    built = _calibration_set(context, calibration, manifest, make_lock, streams, read)
    if holdout is not None and held_manifest is not None:
        held = _calibration_set(context, holdout, held_manifest, make_lock, streams, read)
        own = (f"holdout: {note}" for note in held.notes if note not in built.notes)
        built = replace(built, holdout=held, notes=(*built.notes, *own))
    return replace(built, lock_differences=differences)


@dataclass(frozen=True, slots=True)
class _Streams:
    """The sources of a build as streams of samples, by name, for each of its files."""

    calibration: Mapping[str, SourceStream]
    holdout: Mapping[str, SourceStream]

    def rejections(self) -> dict[str, tuple[Rejection, ...]]:
        """Return the records of each source that were rejected so far."""
        return {name: tuple(records.rejected_records) for name, records in self._left_out()}

    def filtered(self) -> dict[str, tuple[Filtered, ...]]:
        """Return the records of each source that were filtered so far, by the packing of either file too."""
        return {name: tuple(records.filtered_records) for name, records in self._left_out()}

    def _left_out(self) -> Iterator[tuple[str, LeftOut]]:
        for name, stream in self.calibration.items():
            held = self.holdout.get(name)
            yield name, stream.left_out + held.packing_left_out if held else stream.left_out


def _open_streams(context: BuildContext) -> _Streams:
    recipe = context.recipe
    calibration: dict[str, SourceStream] = {}
    holdout: dict[str, SourceStream] = {}
    wanted = count_wanted_rows(recipe)
    for name in recipe.sources:
        stream = open_source_stream(
            name,
            recipe,
            context.readers[name],
            context.tokenizer,
            context.indexes,
            rows=wanted[name],
            records=context.chosen[name].read() if name in context.chosen else None,
            workers=context.workers,
        )
        calibration[name], held = split_holdout(stream, recipe)
        if held is not None:
            holdout[name] = held
    return _Streams(calibration, holdout)


def _prepare_lock(
    context: BuildContext, manifest: Manifest
) -> tuple[Callable[[], Lock], tuple[Difference, ...]]:
    """Return what makes the lock, and how it differs from that beside the recipe.

    Without one, nothing is hashed before the lock is asked for.
    """
    readers = {name: reader.snapshot() for name, reader in context.readers.items()}
    make_lock = partial(build_lock, manifest, readers, context.lock)
    if context.lock is None:
        return make_lock, ()
    lock = make_lock()
    return lambda: lock, find_lock_differences(context.lock, lock)


def _other_file(role: Literal["holdout", "calibration"], manifest: Manifest) -> HoldoutReport:
    """Return what a manifest says of the other file of its build, whose own manifest this is."""
    return HoldoutReport(role=role, nsamples=manifest.nsamples, sha256=manifest.sha256)


def _calibration_set(
    context: BuildContext,
    selected: SelectedSamples,
    manifest: Manifest,
    make_lock: Callable[[], Lock],
    streams: _Streams,
    read: Mapping[str, ReadStats],
) -> CalibrationSet:
    return CalibrationSet(
        selected.samples,
        manifest,
        make_lock,
        streams.rejections(),
        streams.filtered(),
        prefix=context.tokenizer.prefix,
        suffix=context.tokenizer.suffix,
        notes=write_notes(context, selected, read),
        seconds=dict(context.timings.seconds),
        bytes_read={name: reader.bytes_read for name, reader in context.readers.items()},
        tokenizer=context.tokenizer,
    )
