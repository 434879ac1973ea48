"""The evaluation sets of a recipe, read whole before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibset.errors import SourceError
from calibset.hygiene.contamination import Excluded
from calibset.hygiene.duplicates import Duplicates
from calibset.hygiene.words import words_of
from calibset.intake import Tally, intake
from calibset.recipe import Recipe
from calibset.screening import Screens
from calibset.storage import Reader
from calibset.supply import guarded

__all__ = ["EvaluationSet", "open_screens"]

# Words of evaluation sets that are held in memory, at about 30 bytes each.
_MOST_WORDS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """An evaluation set, as it was read.

    Attributes:
        reader: The place it was found at.
        documents: How many it has.
        words: How many words they have.
    """

    reader: Reader
    documents: int
    words: int


def open_screens(recipe: Recipe, readers: Mapping[str, Reader]) -> tuple[Screens, dict[str, EvaluationSet]]:
    """Return what the sources of a build share, the evaluation sets read; and these, by name.

    Args:
        recipe: Names the sets.
        readers: Of all corpora.

    Raises:
        SourceError: A set can't be read, has nothing in it, or too much for this machine.
    """
    options = recipe.decontamination
    wants_near = any(recipe.hygiene_of(name).duplicates == "near" for name in recipe.sources)
    excluded = Excluded(run=options.run, containment=options.containment) if recipe.exclude else None
    sets = {name: _read(name, recipe, readers[name], excluded) for name in recipe.exclude if excluded}
    screens = Screens(
        duplicates=Duplicates(near=wants_near), excluded=excluded, cuts=options.matches == "cut"
    )
    return screens, sets


def _read(name: str, recipe: Recipe, reader: Reader, excluded: Excluded) -> EvaluationSet:
    """Put an evaluation set into the index, in the order in which its files hold it."""
    source, tally = recipe.exclude[name], Tally()
    documents = count = 0
    for item in intake(guarded(source.in_order(reader), f"exclude.{name}"), tally, None):
        found = words_of(item)
        documents += 1
        count += len(found)
        if count > _MOST_WORDS:
            raise SourceError(
                f"exclude.{name}: has more than {_MOST_WORDS:,} words; name its evaluation split alone"
            )
        excluded.add(name, item.id, found)
    # Sets that are stored line by line have many blank ones, which hold nothing to keep out.
    unread = tally.rejections.total() - tally.rejections["empty text"]
    share = unread / max(1, documents + unread)
    if share > recipe.max_rejected:
        raise SourceError(
            f"exclude.{name}: {share:.0%} of the records were rejected and max_rejected is "
            f"{recipe.max_rejected:.0%} ({tally.left_out()}): what can't be read can't be kept out"
        )
    if not count:
        reason = tally.left_out() or "it is empty"
        raise SourceError(f"exclude.{name}: {reader.place} holds no words: {reason}")
    return EvaluationSet(reader=reader, documents=documents, words=count)
