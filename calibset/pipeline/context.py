"""The context of a build: what is fixed before the first document is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibset.core.errors import RecipeError
from calibset.core.progress import Progress
from calibset.core.timing import Timings
from calibset.dataset.lockfile import Lock
from calibset.dataset.recorded_recipe import load_recipe_or_manifest
from calibset.hygiene.cleaner import SharedIndexes
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.pipeline.readers import open_readers
from calibset.pipeline.scoring.choosing import ChosenRecords, choose_records
from calibset.pipeline.workers import Workers
from calibset.recipe.loader import change_recipe
from calibset.recipe.model import Recipe
from calibset.storage import Storage, TrackedReader
from calibset.tokenizers import Tokenizer, load_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """Everything that is fixed for a build before the first document is read.

    Attributes:
        recipe: The recipe.
        readers: A reader for each source and evaluation set, by name.
        tokenizer: The target model's tokenizer.
        indexes: What the sources share: evaluation sets, and the documents met so far.
        evaluations: The evaluation sets as they were read, by name.
        lock: The lock beside the recipe, if there is one and it is used.
        progress: Called as sources give samples.
        workers: Examine records ahead; None if that is done here.
        chosen: The records of the sources that are chosen by scores, by name.
    """

    recipe: Recipe
    readers: Mapping[str, TrackedReader]
    tokenizer: Tokenizer
    indexes: SharedIndexes
    evaluations: Mapping[str, EvaluationSet]
    lock: Lock | None
    progress: Progress
    workers: Workers | None = None
    chosen: Mapping[str, ChosenRecords] = field(default_factory=dict)

    @property
    def timings(self) -> Timings:
        """The time that the steps of the build have taken so far."""
        return self.indexes.timings


def open_context(
    recipe: Recipe,
    lock: Lock | None,
    storage: Storage,
    progress: Progress,
    workers: Workers | None = None,
) -> BuildContext:
    """Open the sources and the tokenizer of a recipe, and read its evaluation sets.

    Raises:
        SourceError: A source can't be found or reached, or an evaluation set can't be read.
        OfflineError: Sources are not in the cache, and no server may be asked.
        TokenizerError: The tokenizer can't be loaded.
    """
    readers = open_readers(recipe, storage, lock)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=storage.cache.offline)
    indexes, evaluations = index_evaluation_sets(recipe, readers)
    chosen = {
        name: choose_records(name, recipe, readers[name], tokenizer, evaluations)
        for name, source in recipe.sources.items()
        if source.scores
    }
    return BuildContext(
        recipe=recipe,
        readers=readers,
        tokenizer=tokenizer,
        indexes=indexes,
        evaluations=evaluations,
        lock=lock,
        progress=progress,
        workers=workers,
        chosen=chosen,
    )


def as_recipe(
    recipe: Recipe | str | Path,
    changes: Mapping[str, Any] | None = None,
    given: Mapping[str, object] | None = None,
) -> Recipe:
    """Return a recipe as it is, or load it from a path, with some keys changed.

    Args:
        recipe: The recipe, or its path.
        changes: Values that replace those of the recipe, by key path.
        given: The rows of sources that a program gives, by the source's name.

    Raises:
        RecipeError: The recipe at the path or a change has faults, or rows are given for no source, or for
            one that reads files only.
    """
    changes, names = changes or {}, tuple(given or ())
    if not isinstance(recipe, Recipe):
        recipe = load_recipe_or_manifest(recipe, overrides=changes, given=names)
    elif changes:
        recipe = change_recipe(recipe, changes)
    return _read_in_memory(recipe, names) if names else recipe


def _read_in_memory(recipe: Recipe, names: Iterable[str]) -> Recipe:
    """Return a recipe some of whose sources and evaluation sets are rows in memory."""
    sources, exclude = dict(recipe.sources), dict(recipe.exclude)
    for name in names:
        if name not in recipe.corpora:
            raise RecipeError(
                f"sources: the recipe has no source {name!r}; it has {', '.join(recipe.corpora)}"
            )
        source = recipe.corpora[name].for_given_rows()
        if source is None:
            raise RecipeError(
                f"{recipe.key_of(name)}.type: {recipe.corpora[name].type} reads files only; rows that a "
                "program gives are read by jsonl, alpaca or chat"
            )
        (exclude if name in exclude else sources)[name] = source
    return recipe.model_copy(update={"sources": sources, "exclude": exclude})
