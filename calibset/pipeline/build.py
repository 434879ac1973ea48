"""From a recipe to a calibration set: the only place where the parts are put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.lockfile import Lock
from calibset.pipeline.assembling import Assembly, assembled
from calibset.pipeline.gathering import Progress
from calibset.pipeline.locking import (
    LockUse,
    differences_of_recipe,
    lock_differences,
    lock_of,
    read_existing_lock,
    require_unchanged,
)
from calibset.pipeline.readers import open_readers, open_storage
from calibset.recipe.loader import load_recipe
from calibset.recipe.model import Recipe
from calibset.recipe.portable import portable_recipe
from calibset.tokenizers import Tokenizer, load_tokenizer


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
    known = read_existing_lock(recipe, lock)
    if lock == "require" and known is not None:
        require_unchanged(recipe, differences_of_recipe(known, portable_recipe(recipe)))
    storage = open_storage(recipe, data, mirrors, offline=offline)
    readers = open_readers(recipe, storage, known)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    made = assembled(recipe, readers, tokenizer, progress)
    written = lock_of(made.manifest, readers, known)
    changed = lock_differences(known, written)
    if lock == "require":
        require_unchanged(recipe, changed)
    holdout = _calibration_set(made.holdout, written, tokenizer) if made.holdout else None
    return replace(_calibration_set(made, written, tokenizer), lock_differences=changed, holdout=holdout)


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
