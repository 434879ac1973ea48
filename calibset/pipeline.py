"""From a recipe to a calibration set: the only place where the parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from calibset.assembling import Assembly, assembled
from calibset.calibration_set import CalibrationSet
from calibset.errors import CalibsetError
from calibset.excluding import open_screens
from calibset.gathering import Progress
from calibset.lockfile import Lock
from calibset.locking import (
    LockUse,
    differences_of_recipe,
    ensure_as_locked,
    known_lock,
    lock_of,
    unlike_lock,
)
from calibset.opening import open_place, open_places, storage_of
from calibset.planned import Plan, PlannedSource, SourceCheck
from calibset.recipe import Recipe
from calibset.recipe_file import load_recipe
from calibset.reporting import portable_recipe
from calibset.screening import Screens
from calibset.storage import Storage
from calibset.supply import Supply, open_supply
from calibset.tally import Tally
from calibset.tokenizers import Tokenizer, find_tokenizer, load_tokenizer


def plan(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
) -> Plan:
    """Say what a build would read and how much of it, without downloading data.

    Args:
        recipe: What to build; or the path of the recipe.
        data: A folder that relative places are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: ``https://PREFIX=https://REPLACEMENT`` each; those of ``CALIBSET_MIRRORS`` follow.
        offline: Look into the cache alone in place of servers.

    Raises:
        RecipeError: The recipe at the path has faults.
        OutputError: There is a lock beside the recipe, and it can't be read.
        TokenizerError: There is no such tokenizer.
    """
    recipe = _loaded(recipe)
    find_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    storage = storage_of(recipe, data, mirrors, offline=offline)
    quotas = recipe.mixture.quotas()
    groups: dict[str, int] = dict.fromkeys(recipe.mixture.weights, 0)
    for name, source in recipe.sources.items():
        groups[source.group] += quotas[name]
    known = known_lock(recipe)
    sources = tuple(_planned(name, recipe, storage, known, quotas[name]) for name in recipe.sources)
    evaluations = tuple(_planned(name, recipe, storage, known, 0) for name in recipe.exclude)
    return Plan(recipe=recipe, groups=groups, sources=sources, evaluations=evaluations)


def build(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    lock: LockUse = "use",
    progress: Progress | None = None,
) -> CalibrationSet:
    """Build the calibration set of a recipe and prove that its consumer keeps every row.

    Nothing is written; see `CalibrationSet.write`.

    Args:
        recipe: What to build; or the path of the recipe.
        data: A folder that relative places are looked up in first.
        mirrors: ``https://PREFIX=https://REPLACEMENT`` each.
        offline: Read the cache alone in place of servers.
        lock: What becomes of a lock beside the recipe: its places and commits are read (`use`),
            the build fails unless all is as it says (`require`), or nothing (`ignore`).
        progress: Is told how far each source has come.

    Raises:
        LockError: A lock is required, and there is none, or something differs.
        OfflineError: Sources are not in the cache, offline.
        SourceError: A source can't be found, reached or read, or gives too little that can be.
        MixtureError: The sources run short and the policy leaves no way out.
        TokenizerError: The tokenizer can't be loaded, or can't render conversations.
        ConsumerError: The consumer would not keep every row.
    """
    recipe = _loaded(recipe)
    known = known_lock(recipe, lock)
    if lock == "require" and known is not None:
        ensure_as_locked(recipe, differences_of_recipe(known, portable_recipe(recipe)))
    storage = storage_of(recipe, data, mirrors, offline=offline)
    readers = open_places(recipe, storage, known)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    made = assembled(recipe, readers, tokenizer, progress)
    written = lock_of(made.manifest, readers, known)
    changed = unlike_lock(known, written)
    if lock == "require":
        ensure_as_locked(recipe, changed)
    holdout = _calibration_set(made.holdout, written, tokenizer) if made.holdout else None
    return replace(_calibration_set(made, written, tokenizer), unlike_lock=changed, holdout=holdout)


def check(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[SourceCheck, ...]:
    """Read every source to its end and count what is in it; arguments as for `build`."""
    recipe = _loaded(recipe)
    known = known_lock(recipe)
    storage = storage_of(recipe, data, mirrors, offline=offline)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    screens, _ = open_screens(recipe, open_places(recipe, storage, known, recipe.exclude))
    found = []
    for name in recipe.sources:
        supply = partial(_opened, name, recipe, storage, known, tokenizer, screens)
        found.append(_checked(name, recipe.sources[name].where[0], supply, progress))
    return tuple(found)


def _calibration_set(made: Assembly, lock: Lock, tokenizer: Tokenizer) -> CalibrationSet:
    return CalibrationSet(
        made.samples,
        made.manifest,
        lock,
        made.rejections,
        made.left_out,
        prefix=tokenizer.prefix,
        suffix=tokenizer.suffix,
        notes=made.notes,
        seconds=made.seconds,
        tokenizer=tokenizer,
    )


def _loaded(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


def _planned(name: str, recipe: Recipe, storage: Storage, known: Lock | None, quota: int) -> PlannedSource:
    source = recipe.corpora[name]
    place, revision, count, size, streamed, problem = source.where[0], None, 0, None, False, None
    try:
        reader = open_place(name, recipe, storage, known)
        place, revision = reader.place, reader.revision
        files = source.select(reader)
        count = len(files)
        sizes = [file.size for file in files if file.size is not None]
        size = sum(sizes) if len(sizes) == count else None
        streamed = size is not None and source.from_beginning(reader)
    except CalibsetError as error:
        problem = str(error)
    return PlannedSource(
        name=name,
        group=source.group,
        type=source.type,
        quota=quota,
        place=place,
        revision=revision,
        files=count,
        size=size,
        licence=source.licence,
        from_beginning=streamed,
        problem=problem,
    )


def _opened(
    name: str, recipe: Recipe, storage: Storage, known: Lock | None, tokenizer: Tokenizer, screens: Screens
) -> Supply:
    reader = open_place(name, recipe, storage, known)
    return open_supply(name, recipe, reader, tokenizer, screens)


def _checked(name: str, place: str, opened: Callable[[], Supply], progress: Progress | None) -> SourceCheck:
    tally, problem, done = Tally(), None, 0
    try:
        supply = opened()
        tally, place = supply.tally, supply.reader.place
        for done, _ in enumerate(supply.items, 1):
            if progress and done % 100 == 0:
                progress(name, done, None)
        supply.ensure_something()
    except CalibsetError as error:
        problem = str(error)
    if progress:
        progress(name, done, done)
    return SourceCheck(name=name, place=place, tally=tally, problem=problem)
