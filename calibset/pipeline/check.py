"""`check`: what the sources of a recipe hold, read to their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from calibset.core.errors import CalibsetError
from calibset.dataset.lockfile import Lock
from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.stats import SourceStats
from calibset.pipeline.build import _loaded
from calibset.pipeline.evaluation_sets import open_shared_indexes
from calibset.pipeline.gathering import Progress
from calibset.pipeline.locking import (
    read_existing_lock,
)
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.pipeline.source_stream import SourceStream, open_source_stream
from calibset.recipe.model import Recipe
from calibset.storage import Storage
from calibset.tokenizers import Tokenizer, load_tokenizer


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
    known = read_existing_lock(recipe)
    storage = open_storage(recipe, data, mirrors, offline=offline)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    screens, _ = open_shared_indexes(recipe, open_readers(recipe, storage, known, recipe.exclude))
    found = []
    for name in recipe.sources:
        supply = partial(_opened, name, recipe, storage, known, tokenizer, screens)
        found.append(_checked(name, recipe.sources[name].where[0], supply, progress))
    return tuple(found)


def _opened(
    name: str,
    recipe: Recipe,
    storage: Storage,
    known: Lock | None,
    tokenizer: Tokenizer,
    screens: SharedIndexes,
) -> SourceStream:
    reader = open_reader(name, recipe, storage, known)
    return open_source_stream(name, recipe, reader, tokenizer, screens)


def _checked(
    name: str, place: str, opened: Callable[[], SourceStream], progress: Progress | None
) -> SourceCheck:
    tally, problem, done = SourceStats(), None, 0
    try:
        supply = opened()
        tally, place = supply.tally, supply.reader.location
        for done, _ in enumerate(supply.items, 1):
            if progress and done % 100 == 0:
                progress(name, done, None)
        supply.ensure_something()
    except CalibsetError as error:
        problem = str(error)
    if progress:
        progress(name, done, done)
    return SourceCheck(name=name, location=place, tally=tally, problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """What a source holds, read to its end.

    Attributes:
        name: Its name in the recipe.
        place: The place it was read at.
        tally: Counts of documents, rejections and what was filtered.
        problem: Why it could not be read to its end, if so.
    """

    name: str
    location: str
    tally: SourceStats
    problem: str | None
