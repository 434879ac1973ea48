"""The lock of a build, and a build held against the one that stands beside its recipe."""

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
"""What becomes of a lock: its commits are read, all must be as it says, or nothing."""

_MOST_NAMED = 5
_INFORMATIVE = "versions."


def read_existing_lock(recipe: Recipe, use: LockUse = "use") -> Lock | None:
    """Return the lock beside a recipe, if there is one and it is wanted.

    Raises:
        LockError: It is required, and there is none.
        OutputError: It can't be read.
        ValueError: ``use`` is none of the three.
    """
    if use not in get_args(LockUse):  # a slip of the pen must not switch the check off
        raise ValueError(f"lock must be one of {', '.join(get_args(LockUse))}, got {use!r}")
    if use == "ignore":
        return None
    found = Lock.read(lock_path(recipe.path)) if recipe.path else None
    if found is None and use == "require":
        where = lock_path(recipe.path) if recipe.path else recipe.name
        raise LockError(f"{where}: there is no lock; write one with `calibset lock`")
    return found


def lock_differences(known: Lock | None, made: Lock) -> tuple[Difference, ...]:
    """Return what is not as a lock has it; if something isn't, versions of packages too, as the last."""
    changed = diff(known, made) if known else ()
    own = tuple(one for one in changed if not one.key.startswith(_INFORMATIVE))
    return own + tuple(one for one in changed if one not in own) if own else ()


def recipe_differences(known: Lock, recipe: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what a recipe asks for otherwise than when it was locked, which can be said without a build."""
    return diff(known, known.model_copy(update={"recipe": recipe}))


def require_unchanged(recipe: Recipe, changed: tuple[Difference, ...]) -> None:
    """Make sure that nothing has changed.

    Raises:
        LockError: Something has; the first differences are named.
    """
    if not changed:
        return
    named = "; ".join(map(str, changed[:_MOST_NAMED]))
    more = f"; and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
    where = lock_path(recipe.path) if recipe.path else recipe.name
    raise LockError(
        f"{where}: the build is not as locked: {named}{more}; nothing was written, `calibset lock` renews it"
    )


def lock_of(manifest: Manifest, readers: Mapping[str, TrackedReader], known: Lock | None) -> Lock:
    """Return the lock of a build.

    Args:
        manifest: Its record.
        readers: What its sources were read through, by name.
        known: An earlier lock. Where it is of the same recipe, the bytes that it speaks of are
            hashed, because other versions of a library may read a few more or less of a file.

    Raises:
        SourceError: What was read can't be read once more.
    """
    known_sources = known.sources if known and known.recipe == manifest.recipe else {}
    sources = {}
    read: tuple[SourceReport | EvaluationReport, ...] = (*manifest.sources, *manifest.evaluations)
    for source in read:
        earlier = known_sources[source.name].files if source.name in known_sources else {}
        try:
            files = _locked_files(readers[source.name], earlier)
        except SourceError as error:
            raise SourceError(f"{source.name}: {error}") from error
        sources[source.name] = LockedSource(
            location=source.location,
            revision=source.revision,
            files=files,
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


def _locked_files(reader: TrackedReader, earlier: Mapping[str, LockedFile]) -> dict[str, LockedFile]:
    extents = {name: file.extents for name, file in earlier.items()}
    files = {}
    for read in _reads(reader, extents):
        size = read.size
        if read.name in earlier and None in (size, earlier[read.name].size):
            # Of some servers' files the size is known only after they were read once.
            size = earlier[read.name].size
        files[read.name] = LockedFile(size=size, extents=read.ranges, sha256=read.sha256)
    return files


def _reads(reader: TrackedReader, extents: Mapping[str, tuple[ByteRange, ...]]) -> Iterable[FileRead]:
    try:
        return list(reader.read(extents))
    except SourceError:
        # The bytes that an earlier lock speaks of need not be in the cache, offline say.
        return reader.read()
