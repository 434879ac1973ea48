"""Readers for the sources of a recipe, each at the first location that exists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from calibset.core.environment import DATA, MIRRORS
from calibset.core.errors import CalibsetError, NotThereError, OfflineError, RecipeError, SourceError
from calibset.dataset.lockfile import Lock
from calibset.recipe.model import Recipe
from calibset.storage import Cache, Mirror, Reader, Storage, TrackedReader
from calibset.storage.given_rows import GIVEN, read_given_rows


def open_storage(
    recipe: Recipe,
    data: str | Path | None,
    mirrors: Iterable[str],
    *,
    offline: bool = False,
    given: Mapping[str, object] | None = None,
) -> Storage:
    """Return the storage that opens the locations that a recipe names.

    Args:
        recipe: The recipe; relative locations are looked up in its folder last.
        data: A folder that relative locations are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: Mirrors, each ``https://PREFIX=https://REPLACEMENT``; those of ``CALIBSET_MIRRORS``
            come after them.
        offline: Whether only the cache is read, and no server.
        given: The rows of sources that a program gives, by the source's name.

    Raises:
        RecipeError: The folder doesn't exist, or a mirror is not of that form.
        SourceError: What is given are no rows.
    """
    data = data if data is not None else DATA.read() or None
    folder = Path(os.path.expanduser(data)) if data is not None else None  # noqa: PTH111  (Path's raises)
    if folder is not None and not folder.is_dir():
        raise RecipeError(f"--data {data}: no such folder")
    texts = (*mirrors, *MIRRORS.read().split())
    return Storage(
        recipe_folder=recipe.folder,
        data_folder=folder,
        mirrors=tuple(Mirror.parse(text) for text in texts),
        cache=Cache.default(offline=offline),
        given={name: _read_given_rows(rows, name, recipe) for name, rows in (given or {}).items()},
    )


def _read_given_rows(rows: object, name: str, recipe: Recipe) -> Reader:
    try:
        return read_given_rows(rows, name)
    except SourceError as error:
        raise SourceError(f"{recipe.key_of(name)}: {error}") from error


def open_reader(name: str, recipe: Recipe, storage: Storage, lock: Lock | None = None) -> TrackedReader:
    """Return a reader for a source's locations, or for the first of its fallbacks that exists.

    Args:
        name: The name of the source or evaluation set.
        recipe: The recipe, which names the locations.
        storage: Opens the locations.
        lock: The lock that says which location and commit to read, if any.

    Raises:
        SourceError: No location exists, or a server that may have one can't be asked.
    """
    source = recipe.corpora[name]
    if name in storage.given:
        return TrackedReader(storage.given[name])
    if source.where == (GIVEN,):
        raise NotThereError(
            f'where = "{GIVEN}" stands for rows that a program gives: calibset.build(recipe, '
            f"sources={{{name!r}: rows}})"
        )
    choices = (source.where, *source.fallbacks)
    pinned = lock.pinned(name, choices, source.revision) if lock else None
    (where, *fallbacks), revision = pinned or (choices, source.revision)
    try:
        return TrackedReader(storage.open_reader(where, revision, fallbacks))
    except NotThereError as error:
        hint = "; the lock names it, `calibset lock` renews it" if pinned else ""
        raise NotThereError(f"{error}{hint}") from error


def open_readers(
    recipe: Recipe, storage: Storage, lock: Lock | None = None, names: Iterable[str] | None = None
) -> dict[str, TrackedReader]:
    """Return a reader for each source and evaluation set, by name; see `open_reader`.

    Args:
        recipe: The recipe, which names the locations.
        storage: Opens the locations.
        lock: The lock that says which locations and commits to read, if any.
        names: The sources and evaluation sets to open; all if None.

    Raises:
        SourceError: None of a source's locations exists.
        OfflineError: Sources are not in the cache; all of these are named.
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
