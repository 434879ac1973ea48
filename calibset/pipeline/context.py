"""The context of a build: what is fixed before the first document is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from calibset.core.timing import Timings
from calibset.dataset.lockfile import Lock
from calibset.hygiene.cleaner import SharedIndexes
from calibset.pipeline.evaluation_sets import EvaluationSet, index_evaluation_sets
from calibset.pipeline.progress import Progress, no_progress
from calibset.pipeline.readers import open_readers, open_storage
from calibset.recipe.loader import load_recipe
from calibset.recipe.model import Recipe
from calibset.storage import TrackedReader
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
    """

    recipe: Recipe
    readers: Mapping[str, TrackedReader]
    tokenizer: Tokenizer
    indexes: SharedIndexes
    evaluations: Mapping[str, EvaluationSet]
    lock: Lock | None
    progress: Progress

    @property
    def timings(self) -> Timings:
        """The time that the steps of the build have taken so far."""
        return self.indexes.timings


def open_context(
    recipe: Recipe,
    lock: Lock | None,
    *,
    data: str | Path | None,
    mirrors: Iterable[str],
    offline: bool,
    progress: Progress | None,
) -> BuildContext:
    """Open the sources and the tokenizer of a recipe, and read its evaluation sets.

    Raises:
        SourceError: A source can't be found or reached, or an evaluation set can't be read.
        OfflineError: Sources are not in the cache, and ``offline`` is set.
        TokenizerError: The tokenizer can't be loaded.
    """
    storage = open_storage(recipe, data, mirrors, offline=offline)
    readers = open_readers(recipe, storage, lock)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    indexes, evaluations = index_evaluation_sets(recipe, readers)
    return BuildContext(
        recipe=recipe,
        readers=readers,
        tokenizer=tokenizer,
        indexes=indexes,
        evaluations=evaluations,
        lock=lock,
        progress=progress or no_progress,
    )


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """Return a recipe as it is, or load it from a path."""
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
