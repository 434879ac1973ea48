"""The lock of a build, and its comparison with an earlier lock beside the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from calibset.core.errors import LockError, SourceError
from calibset.dataset.diff import Difference, diff
from calibset.dataset.lockfile import Lock, LockedFile, LockedSource, lock_path
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import EvaluationReport, SourceReport
from calibset.recipe.model import Recipe
from calibset.storage import FileRead, TrackedReader
from calibset.storage.byte_ranges import ByteRange

LockUse = Literal["use", "require", "ignore"]
"""What a lock beside the recipe is for: its locations and commits are read (``use``), everything must be as
locked (``require``), or it is ignored (``ignore``)."""

_MOST_NAMED = 5
_INFORMATIVE = "versions."
_ORDER = "versions.order of reading"


def read_existing_lock(recipe: Recipe, use: LockUse = "use") -> Lock | None:
    """Return the lock beside a recipe, or None if there is none or it is ignored.

    Raises:
        LockError: A lock is required, and there is none.
        OutputError: The lock can't be read.
        ValueError: ``use`` is not one of the three words.
    """
    if use not in get_args(LockUse):  # a slip of the pen must not switch the check off
        raise ValueError(f"lock must be one of {', '.join(get_args(LockUse))}, got {use!r}")
    if use == "ignore":
        return None
    lock = Lock.read(lock_path(recipe.path)) if recipe.path else None
    if lock is None and use == "require":
        where = lock_path(recipe.path) if recipe.path else recipe.name
        raise LockError(f"{where}: there is no lock; write one with `calibset lock`")
    return lock


def find_lock_differences(known: Lock | None, new: Lock) -> tuple[Difference, ...]:
    """Return how a build differs from a lock; versions come last, and only if something else differs."""
    differences = diff(known, new) if known else ()
    ordered = sorted(differences, key=lambda difference: difference.key.startswith(_INFORMATIVE))
    return tuple(ordered) if ordered and not ordered[0].key.startswith(_INFORMATIVE) else ()


def find_recipe_differences(known: Lock, recipe: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return how a recipe differs from the one that was locked, which takes no build to find out."""
    return diff(known, known.model_copy(update={"recipe": recipe}))


def require_unchanged(recipe: Recipe, differences: tuple[Difference, ...]) -> None:
    """Make sure that nothing differs from the lock.

    Raises:
        LockError: Something differs; the first differences are named.
    """
    if not differences:
        return
    named = "; ".join(map(str, differences[:_MOST_NAMED]))
    more = f"; and {len(differences) - _MOST_NAMED} more" if len(differences) > _MOST_NAMED else ""
    where = lock_path(recipe.path) if recipe.path else recipe.name
    reads_otherwise = any(difference.key == _ORDER for difference in differences)
    reason = ", which is of a calibset that reads records in another order" if reads_otherwise else ""
    raise LockError(
        f"{where}: the build differs from the lock{reason}: {named}{more}; "
        "nothing was written, `calibset lock` renews it"
    )


def require_compared(recipe: Recipe, not_compared: int) -> None:
    """Make sure that every document was compared with those before it.

    Raises:
        LockError: The index of duplicates was full before the last document.
    """
    if not_compared:
        raise LockError(
            f"{recipe.name}: the index of duplicates is full, and {not_compared:,} documents did not fit in, "
            "so texts that repeat these may be in the file; nothing was written: ask for fewer rows "
            '(nsamples, selection.pool), or set hygiene.duplicates = "exact" or "keep" for large sources'
        )


def build_lock(manifest: Manifest, readers: Mapping[str, TrackedReader], known: Lock | None) -> Lock:
    """Return the lock of a build.

    Args:
        manifest: The record of the build.
        readers: The readers of its sources and evaluation sets, by name.
        known: An earlier lock. If it is of the same recipe, the byte ranges that it names are hashed,
            because another version of a library may read a few bytes more or less of a file.

    Raises:
        SourceError: What was read can't be read again.
    """
    known_sources = known.sources if known and known.recipe == manifest.recipe else {}
    sources = {}
    reports: tuple[SourceReport | EvaluationReport, ...] = (*manifest.sources, *manifest.evaluations)
    for report in reports:
        known_files = known_sources[report.name].files if report.name in known_sources else {}
        try:
            files = _lock_files(readers[report.name], known_files)
        except SourceError as error:
            raise SourceError(f"{report.name}: {error}") from error
        chosen = report.scores if isinstance(report, SourceReport) else None
        sources[report.name] = LockedSource(
            location=report.location,
            revision=report.revision,
            files=files,
            scores=chosen.sha256 if chosen else None,
        )
    return Lock(
        name=manifest.name,
        recipe=manifest.recipe,
        versions=manifest.versions,
        tokenizer=manifest.tokenizer,
        sources=sources,
        sha256=manifest.sha256,
        holdout=manifest.other.sha256 if manifest.other else None,
    )


def _lock_files(reader: TrackedReader, known: Mapping[str, LockedFile]) -> dict[str, LockedFile]:
    ranges = {name: file.extents for name, file in known.items()}
    files = {}
    for read in _reads(reader, ranges):
        size = read.size
        if read.name in known and None in (size, known[read.name].size):
            # Some servers tell the size of a file only once it was read.
            size = known[read.name].size
        files[read.name] = LockedFile(size=size, extents=read.ranges, sha256=read.sha256)
    return files


def _reads(reader: TrackedReader, extents: Mapping[str, tuple[ByteRange, ...]]) -> Iterable[FileRead]:
    try:
        return list(reader.read(extents))
    except SourceError:
        # The bytes that an earlier lock speaks of need not be in the cache, offline say.
        return reader.read()
