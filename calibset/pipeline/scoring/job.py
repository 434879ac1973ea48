"""What a process needs to score parts of a corpus, wherever it runs."""

from __future__ import annotations

import json
import pickle
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from calibset.core.documents import Record
from calibset.dataset.lockfile import Lock
from calibset.hygiene.cleaner import SharedIndexes
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.pipeline.scoring.document_scores import Scorer
from calibset.pipeline.scoring.shards import ShardName, ShardSummary, write_shard
from calibset.pipeline.source_stream import make_examiner, open_renderer
from calibset.recipe.model import Recipe
from calibset.recipe.portable import portable_recipe
from calibset.sources.base import wrap_errors
from calibset.sources.corpus_parts import CorpusFile, Place, open_corpus_files
from calibset.storage import Reader
from calibset.storage.score_folder import ScoreFolder
from calibset.tokenizers import Tokenizer, load_tokenizer
from calibset.tokenizers.truncation import text_budget

RULES_VERSION = 2
"""Another when the same document is scored otherwise, so that earlier scores are not taken for new ones."""

# Keys of a source that don't say how a record is read and judged.
_NOT_READ_BY = (
    "where", "fallbacks", "revision", "group", "weight", "licence", "max_rejected", "max_left_out_in_a_row",
    "files", "split", "config", "scores", "choose", "choose_where",
)  # fmt: skip
# Packages that decide what is found in a text.
_DECIDING = ("ftfy", "phonenumberslite", "py3langid", "python-stdnum", "rensa")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringJob:
    """A source whose documents are scored.

    Attributes:
        recipe: The recipe.
        source: The source's name.
        folder: Where the scores are written.
        rules: The digest of the rules.
        terms: The letters and titles that are looked for.
        lock: The lock beside the recipe, if there is one.
        data: The folder in which relative locations are looked up first.
        mirrors: The mirrors.
        offline: Whether only the cache is read.
    """

    recipe: Recipe
    source: str
    folder: ScoreFolder
    rules: str
    terms: tuple[str, ...] = ()
    lock: Lock | None = None
    data: str | Path | None = None
    mirrors: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class PartTask:
    """A part of a corpus that is to be scored.

    Attributes:
        file: The name of its file.
        shard: The name of its scores.
    """

    file: str
    shard: ShardName


@dataclass(slots=True)
class Workplace:
    """A job with all that was opened for it, which a process keeps from one part to the next.

    Attributes:
        job: The job.
        scorer: Scores documents.
        files: The files of the source, by name.
    """

    job: ScoringJob
    scorer: Scorer
    files: Mapping[str, CorpusFile]

    def score(self, task: PartTask) -> ShardSummary:
        """Score a part, write its shard and return what it comes to."""
        file, number = self.files[task.file], task.shard.part
        places: deque[Place] = deque()

        def read() -> Iterator[Record]:
            for place, record in file.read_part(number):
                places.append(place)
                yield record

        records = wrap_errors(read(), f"sources.{self.job.source}")
        scores = self.scorer.score((places.popleft(), record) for record in records)
        return write_shard(self.job.folder, task.shard, scores, file.list_pages(number))


def score_part(job: bytes, task: PartTask) -> ShardSummary:
    """Score a part of a corpus, write its shard and return what it comes to.

    Args:
        job: A `ScoringJob`, pickled, so that a process knows it again.
        task: The part.
    """
    return _open_workplace(job).score(task)


@lru_cache(maxsize=2)
def _open_workplace(pickled: bytes) -> Workplace:
    job: ScoringJob = pickle.loads(pickled)  # noqa: S301  (our own, from the process that started this one)
    recipe = job.recipe
    storage = open_storage(recipe, job.data, job.mirrors, offline=job.offline)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=job.offline)
    indexes, _ = index_evaluation_sets(recipe, open_readers(recipe, storage, job.lock, recipe.exclude))
    reader = open_reader(job.source, recipe, storage, job.lock)
    return Workplace(
        job,
        make_scorer(job.source, recipe, tokenizer, indexes, job.terms),
        open_files(job.source, recipe, reader),
    )


def make_scorer(
    name: str, recipe: Recipe, tokenizer: Tokenizer, indexes: SharedIndexes, terms: Sequence[str]
) -> Scorer:
    """Return what scores the documents of a source."""
    budget = text_budget(tokenizer, recipe.seqlen)
    return Scorer(
        f"sources.{name}",
        make_examiner(name, recipe, tokenizer, indexes),
        tokenizer,
        partial(open_renderer, name, recipe, tokenizer, budget),
        terms,
    )


def open_files(name: str, recipe: Recipe, reader: Reader) -> dict[str, CorpusFile]:
    """Return the files of a source by name, each to be read in parts."""
    source = recipe.sources[name].model_copy(update={"hygiene": recipe.hygiene_of(name)})
    return open_corpus_files(source, source.select_files(reader))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All that decides how a document is scored.

    Attributes:
        data: The rules.
    """

    data: Mapping[str, Any] = field(hash=False)

    @property
    def digest(self) -> str:
        """The hash by which shards are named."""
        return sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """Return the rules as JSON, the same bytes for the same rules."""
        return json.dumps(self.data, sort_keys=True, indent=1).encode()


def make_rules(
    name: str, recipe: Recipe, tokenizer: Tokenizer, evaluations: Mapping[str, EvaluationSet]
) -> Rules:
    """Return the rules by which a source's documents are scored."""
    portable = portable_recipe(recipe)
    source = {key: value for key, value in portable["sources"][name].items() if key not in _NOT_READ_BY}
    # Lines that repeat and documents that do are found when rows are made, not by a document alone.
    source["hygiene"] = {
        key: value for key, value in source["hygiene"].items() if key not in ("duplicates", "boilerplate")
    }
    sets = {
        key: [evaluation.documents, evaluation.words, portable["exclude"][key]]
        for key, evaluation in evaluations.items()
    }
    return Rules(
        data={
            "version": RULES_VERSION,
            "source": source,
            "tokenizer": tokenizer.fingerprint,
            "seqlen": None if recipe.sources[name].gives == "texts" else recipe.seqlen,  # of conversations
            "control_tokens": recipe.control_tokens,
            "chat": portable["chat"],
            "decontamination": portable["decontamination"] if sets else None,
            "exclude": sets,
            "letters": recipe.selection.letters,
            "terms_of": {one: portable["sources"][one] for one in recipe.selection.terms_of},
            "packages": {package: version(package) for package in _DECIDING},
        }
    )
