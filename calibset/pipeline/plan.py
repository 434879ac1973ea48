"""`plan`: what a build would read and how much, without reading texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from calibset.core.documents import Kind
from calibset.core.errors import CalibsetError
from calibset.dataset.lockfile import Lock
from calibset.pipeline.context import as_recipe
from calibset.pipeline.locking import read_existing_lock
from calibset.pipeline.readers import open_reader, open_storage
from calibset.recipe.model import Recipe
from calibset.storage import Storage
from calibset.tokenizers import find_tokenizer_file


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """A source as a build would use it.

    Attributes:
        name: The source's name in the recipe.
        group: The group that it belongs to.
        type: The adapter that reads it.
        gives: Whether its records are texts or conversations; None if only reading them tells.
        quota: How many samples are asked of it, before anything runs short.
        location: The first of its locations that exists, as the recipe spells it.
        revision: The commit of a hub repository.
        files: How many files would be read.
        size: The size of these files in bytes, if it is known without reading them.
        licence: The licence as the recipe states it.
        from_beginning: Whether some of it can only be read as a stream from its beginning.
        problem: Why the source can't be read; None if it can.
    """

    name: str
    group: str
    type: str
    gives: Kind | None
    quota: int
    location: str
    revision: str | None
    files: int
    size: int | None
    licence: str
    from_beginning: bool
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do.

    Attributes:
        recipe: The recipe, with overrides applied.
        groups: Each group's quota of samples.
        sources: The sources.
        evaluations: The evaluation sets whose texts would be kept out.
    """

    recipe: Recipe
    groups: Mapping[str, int]
    sources: tuple[PlannedSource, ...]
    evaluations: tuple[PlannedSource, ...] = ()


def plan(
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
) -> Plan:
    """Return what a build would read and how much, without downloading data.

    Args:
        recipe: The recipe, or its path.
        data: A folder that relative locations are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: Mirrors, each ``https://PREFIX=https://REPLACEMENT``; those of ``CALIBSET_MIRRORS``
            come after them.
        offline: Whether only the cache is asked, and no server.

    Raises:
        RecipeError: The recipe at the path has faults.
        OutputError: There is a lock beside the recipe, and it can't be read.
        TokenizerError: There is no such tokenizer.
    """
    recipe = as_recipe(recipe)
    find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=offline)
    storage = open_storage(recipe, data, mirrors, offline=offline)
    lock = read_existing_lock(recipe)
    quotas = recipe.mixture.quotas()
    groups: dict[str, int] = dict.fromkeys(recipe.mixture.weights, 0)
    for name, source in recipe.sources.items():
        groups[source.group] += quotas[name]
    return Plan(
        recipe=recipe,
        groups=groups,
        sources=tuple(_plan_source(name, recipe, storage, lock, quotas[name]) for name in recipe.sources),
        evaluations=tuple(_plan_source(name, recipe, storage, lock, 0) for name in recipe.exclude),
    )


def _plan_source(name: str, recipe: Recipe, storage: Storage, lock: Lock | None, quota: int) -> PlannedSource:
    source = recipe.corpora[name]
    location, revision, count, size, streamed, problem = source.where[0], None, 0, None, False, None
    try:
        reader = open_reader(name, recipe, storage, lock)
        location, revision = reader.location, reader.revision
        files = source.select_files(reader)
        count = len(files)
        sizes = [file.size for file in files if file.size is not None]
        size = sum(sizes) if len(sizes) == count else None
        streamed = size is not None and source.is_streamed(reader)
    except CalibsetError as error:
        problem = str(error)
    return PlannedSource(
        name=name,
        group=source.group,
        type=source.type,
        gives=source.gives,
        quota=quota,
        location=location,
        revision=revision,
        files=count,
        size=size,
        licence=source.licence,
        from_beginning=streamed,
        problem=problem,
    )
