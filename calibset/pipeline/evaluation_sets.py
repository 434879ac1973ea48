"""The evaluation sets of a recipe, read whole before anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibset.core.documents import Filtered, Rejection
from calibset.core.errors import SourceError
from calibset.hygiene.cleaner import SharedIndexes, whole
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import Duplicates
from calibset.hygiene.ngram_index import SHORTEST
from calibset.hygiene.stats import SourceStats
from calibset.hygiene.words import all_words_of
from calibset.recipe.model import Recipe
from calibset.sources.base import wrap_errors
from calibset.storage import Reader

# Words of evaluation sets that are held in memory: about 50 bytes each, and 85 while they are put in.
_MOST_WORDS = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """An evaluation set, as it was read.

    Attributes:
        reader: The place it was found at.
        documents: How many it has.
        words: How many words they have.
        too_short: Documents of fewer words than are looked for.
        unread: What of it could not be read, or was left out.
    """

    reader: Reader
    documents: int
    words: int
    too_short: int
    unread: SourceStats


def open_shared_indexes(
    recipe: Recipe, readers: Mapping[str, Reader]
) -> tuple[SharedIndexes, dict[str, EvaluationSet]]:
    """Return what the sources of a build share, the evaluation sets read; and these, by name.

    Args:
        recipe: Names the sets.
        readers: Of all corpora.

    Raises:
        SourceError: A set can't be read, has nothing in it, or too much for this machine.
    """
    options = recipe.decontamination
    wants_near = any(recipe.hygiene_of(name).duplicates == "near" for name in recipe.sources)
    excluded = EvaluationIndex(run=options.run, containment=options.containment)
    sets: dict[str, EvaluationSet] = {}
    for name in recipe.exclude:
        most = _MOST_WORDS - sum(found.words for found in sets.values())
        sets[name] = _read(name, recipe, readers[name], excluded, most)
    screens = SharedIndexes(
        duplicates=Duplicates(near=wants_near),
        excluded=excluded if sets else None,
        cuts=options.matches == "cut",
    )
    return screens, sets


def _read(name: str, recipe: Recipe, reader: Reader, excluded: EvaluationIndex, most: int) -> EvaluationSet:
    """Put an evaluation set into the index, in the order in which its files hold it.

    Records of one id are all put in: what must be kept out is what stands there, whatever it is called.
    """
    source, unread, count, too_short = recipe.exclude[name], SourceStats(), 0, 0
    for record in wrap_errors(source.read_in_order(reader), f"exclude.{name}"):
        unread.records += 1
        if isinstance(record, Rejection | Filtered):
            # Sets that are stored line by line have many blank ones, which hold nothing to keep out.
            if record.reason != "empty text":
                unread.note(record)
            continue
        found = all_words_of(whole(record))
        count += len(found)
        if count > most:
            raise SourceError(
                f"exclude.{name}: evaluation sets have more than {_MOST_WORDS:,} words; name their "
                "evaluation splits alone"
            )
        unread.documents += bool(found)
        too_short += 0 < len(found) < SHORTEST
        excluded.add(name, record.id, found)
    _ensure_read(name, recipe, reader, unread)
    return EvaluationSet(
        reader=reader, documents=unread.documents, words=count, too_short=too_short, unread=unread
    )


def _ensure_read(name: str, recipe: Recipe, reader: Reader, unread: SourceStats) -> None:
    if unread.rejected_share > recipe.max_rejected:
        raise SourceError(
            f"exclude.{name}: {unread.rejected_share:.0%} of the records were rejected and max_rejected is "
            f"{recipe.max_rejected:.0%} ({unread.left_out()}): what can't be read can't be kept out"
        )
    if not unread.documents:
        reason = unread.left_out() or "it is empty"
        raise SourceError(f"exclude.{name}: {reader.location} holds no words: {reason}")
