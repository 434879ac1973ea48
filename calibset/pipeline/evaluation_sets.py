"""The evaluation sets of a recipe, read whole and indexed before any source is read."""

from __future__ import annotations

from collections.abc import Mapping

from calibset.core.documents import Filtered, Rejection
from calibset.core.errors import SourceError
from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import DuplicateIndex
from calibset.hygiene.examination import make_all_repairs
from calibset.hygiene.ngram_index import SHORTEST
from calibset.hygiene.stats import LeftOut
from calibset.hygiene.words import all_words_of
from calibset.pipeline.kept_evaluations import EvaluationSet, keep_evaluations, load_evaluations
from calibset.pipeline.untaken_records import UntakenRecords
from calibset.recipe.model import Recipe
from calibset.sources.base import wrap_errors
from calibset.storage import Reader

# Words of evaluation sets that are held in memory: about 50 bytes each, and 85 while they are put in.
_MOST_WORDS = 30_000_000


def index_evaluation_sets(
    recipe: Recipe, readers: Mapping[str, Reader]
) -> tuple[SharedIndexes, dict[str, EvaluationSet]]:
    """Read the evaluation sets, and return the indexes that all sources share and the sets by name.

    Args:
        recipe: The recipe, which names the sets.
        readers: The readers of all sources and evaluation sets, by name.

    Raises:
        SourceError: A set can't be read, holds no words, or more words than fit into memory.
    """
    options = recipe.decontamination
    wants_near = any(recipe.hygiene_of(name).duplicates == "near" for name in recipe.sources)
    kept = load_evaluations(recipe, readers)
    index, sets = kept or _read_all(recipe, readers)
    if kept is None and sets:
        keep_evaluations(recipe, readers, index, sets)
    indexes = SharedIndexes(
        duplicates=DuplicateIndex(near=wants_near),
        evaluations=index if sets else None,
        cuts_matches=options.matches == "cut",
    )
    return indexes, sets


def _read_all(
    recipe: Recipe, readers: Mapping[str, Reader]
) -> tuple[EvaluationIndex, dict[str, EvaluationSet]]:
    options = recipe.decontamination
    index = EvaluationIndex(run=options.run, containment=options.containment)
    sets: dict[str, EvaluationSet] = {}
    for name in recipe.exclude:
        words_left = _MOST_WORDS - sum(evaluation.words for evaluation in sets.values())
        sets[name] = _read(name, recipe, readers[name], index, words_left)
    return index, sets


def _read(
    name: str, recipe: Recipe, reader: Reader, index: EvaluationIndex, words_left: int
) -> EvaluationSet:
    """Add an evaluation set to the index, in the order of its files.

    Records with the same id are all added, since their texts are what must be kept out.
    """
    left_out, records, documents, words, too_short = LeftOut(), 0, 0, 0, 0
    source = recipe.exclude[name]
    untaken = UntakenRecords(f"exclude.{name}", source.max_left_out_in_a_row, left_out)
    for record in wrap_errors(untaken.count(source.read_in_order(reader)), f"exclude.{name}"):
        records += 1
        if isinstance(record, Rejection | Filtered):
            # Sets that are stored line by line have many blank ones, which hold nothing to keep out.
            if record.reason != "empty text":
                left_out.add(record)
            continue
        own_words = all_words_of(make_all_repairs(record))
        words += len(own_words)
        if words > words_left:
            raise SourceError(
                f"exclude.{name}: evaluation sets have more than {_MOST_WORDS:,} words; name only their "
                "evaluation splits"
            )
        if own_words:
            documents += 1
            untaken.start_again()
        too_short += 0 < len(own_words) < SHORTEST
        index.add(name, record.id, own_words)
    share = left_out.rejected_share(records)
    if share > (most := recipe.max_rejected_of(name)):
        reasons = left_out.rejected_only().describe()
        raise SourceError(
            f"exclude.{name}: {share:.0%} of the records were rejected, more than {most:.0%} "
            f"({reasons}): what can't be read can't be excluded; to allow more, raise "
            f"exclude.{name}.max_rejected"
        )
    if not documents:
        reason = left_out.describe() or "it is empty"
        raise SourceError(f"exclude.{name}: {reader.location} holds no words: {reason}")
    return EvaluationSet(
        reader=reader, documents=documents, words=words, too_short=too_short, left_out=left_out
    )
