"""Readers for the sources of a recipe: the first location of each that is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from calibset.core.errors import CalibsetError, NotThereError, OfflineError, RecipeError
from calibset.dataset.lockfile import Lock
from calibset.recipe.model import Recipe
from calibset.storage import Cache, Mirror, Storage, TrackedReader


def open_storage(
    recipe: Recipe, data: str | Path | None, mirrors: Iterable[str], *, offline: bool = False
) -> Storage:
    """Return what finds the locations that a recipe names.

    Args:
        recipe: Its folder is where relative locations are looked up last.
        data: A folder that they are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: ``https://PREFIX=https://REPLACEMENT`` each; those of ``CALIBSET_MIRRORS`` follow.
        offline: Whether the cache is read in place of servers.

    Raises:
        RecipeError: There is no such folder, or a mirror is of another form.
    """
    data = data if data is not None else os.environ.get("CALIBSET_DATA") or None
    folder = Path(os.path.expanduser(data)) if data is not None else None  # noqa: PTH111  (Path's raises)
    if folder is not None and not folder.is_dir():
        raise RecipeError(f"--data {data}: no such folder")
    texts = (*mirrors, *os.environ.get("CALIBSET_MIRRORS", "").split())
    return Storage(
        recipe_folder=recipe.folder,
        data_folder=folder,
        mirrors=tuple(Mirror.parse(text) for text in texts),
        cache=Cache.default(offline=offline),
    )


def open_reader(name: str, recipe: Recipe, storage: Storage, lock: Lock | None = None) -> TrackedReader:
    """Return a reader for the first of a source's locations that is there.

    Args:
        name: The source, or the evaluation set.
        recipe: Names the locations.
        storage: Finds them.
        lock: Says which location and commit to read.

    Raises:
        SourceError: None is there, or a server that may hold one can't be asked.
    """
    source = recipe.corpora[name]
    pinned = lock.pinned(name, source.where, source.revision) if lock else None
    where, revision = pinned or (source.where, source.revision)
    try:
        return TrackedReader(storage.open_reader(where, revision))
    except NotThereError as error:
        hint = "; the lock names it, `calibset lock` renews it" if pinned else ""
        raise NotThereError(f"{error}{hint}") from error


def open_readers(
    recipe: Recipe, storage: Storage, lock: Lock | None = None, names: Iterable[str] | None = None
) -> dict[str, TrackedReader]:
    """Return a reader for each source and evaluation set, by name; see `open_reader`.

    Args:
        recipe: Names the locations.
        storage: Finds them.
        lock: Says which locations and commits to read.
        names: The sources and evaluation sets to open; all if None.

    Raises:
        SourceError: One is not there.
        OfflineError: Some are not in the cache; all of them are named.
    """
    readers, missing = {}, []
    for name in recipe.corpora if names is None else names:
        try:
            readers[name] = open_reader(name, recipe, storage, lock)
        except OfflineError:
            missing.append(name)
        except CalibsetError as error:
            raise type(error)(f"{recipe.key_of(name)}: {error}") from error
    if missing:
        raise OfflineError(
            f"offline, and not in the cache: {', '.join(map(recipe.key_of, missing))}; "
            f"build once without --offline, or set CALIBSET_CACHE to a cache that holds them"
        )
    return readers
