"""The records of a source that its scores choose, from all of its corpus, and read no more than those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from calibset.core.documents import Record
from calibset.core.errors import CalibsetError, RecipeError, SourceError
from calibset.dataset.source_reports import ScoresReport
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.pipeline.scoring.fetching import fetch_records, find_places
from calibset.pipeline.scoring.job import make_rules, open_files
from calibset.pipeline.scoring.repeats import read_repeats
from calibset.pipeline.scoring.scored_corpus import ROW_BITS, Keys, ScoredCorpus, make_keys
from calibset.pipeline.scoring.shards import Shard, open_shard
from calibset.pipeline.scoring.survey import find_shards
from calibset.recipe.model import Recipe
from calibset.selection.score_columns import require_polars
from calibset.selection.score_condition import find_names, parse_condition
from calibset.selection.score_order import NEEDED, order_keys
from calibset.sources.base import Source, name_source
from calibset.sources.corpus_parts import require_files_read_alone
from calibset.sources.sampling.parquet_pages import PageTable
from calibset.storage import Reader
from calibset.storage.score_folder import ScoreFolder
from calibset.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars

# Documents whose places are looked up together, so that a shard is seldom opened twice.
_LOOKED_UP_FIRST, _LOOKED_UP = 64, 1_024
# Records that are fetched together, so that those close to each other take one request.
_FETCHED_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class ChosenRecords:
    """The records of a source that its scores choose.

    Attributes:
        report: What a manifest says of them.
        tokens: How many tokens they have on average.
        cost: About how many bytes of the corpus are read for each.
    """

    report: ScoresReport
    tokens: float
    cost: float
    _name: str
    _source: Source
    _seed: int
    _corpus: ScoredCorpus
    _repeats: Keys

    def read(self) -> Iterator[Record]:
        """Yield the records in the order in which they are chosen, some dozens read at a time.

        Raises:
            SourceError: A record is not there any more, or is another.
        """
        choose = self._source.choose
        keys = order_keys(lambda: self._frames(NEEDED[choose]), choose, self._seed, self._name)
        ahead = _LOOKED_UP_FIRST
        while wanted := list(islice(keys, ahead)):
            places = find_places(self._corpus, wanted)
            for batch in self._split(wanted):
                found = dict(fetch_records(self._corpus, places, batch))
                yield from (found[key] for key in batch)
            ahead = min(2 * ahead, _LOOKED_UP)

    def estimate_read(self, rows: int, recipe: Recipe) -> int:
        """Return about how many bytes are read for so many rows."""
        rows_of_one = min(recipe.max_rows_per_document, self.tokens / recipe.seqlen)
        batches = -(-rows // max(1e-9, rows_of_one * _FETCHED_TOGETHER))
        documents = min(self.report.eligible, int(batches) * _FETCHED_TOGETHER)
        return min(_measure_files(self._corpus), int(documents * self.cost))

    def _split(self, keys: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield those keys together whose records are fetched together: all, if files are read whole."""
        file = self._corpus.files[self._corpus.tasks[keys[0] >> ROW_BITS].file]
        size = len(keys) if file.kind == "file" else _FETCHED_TOGETHER
        yield from (keys[start : start + size] for start in range(0, len(keys), size))

    def _frames(self, columns: Sequence[str]) -> Iterator[polars.DataFrame]:
        for number, task in enumerate(self._corpus.tasks):
            with open_shard(self._corpus.folder, task.shard) as shard:
                yield from read_eligible(shard, number, self._source, self._repeats, columns)


def read_eligible(
    shard: Shard, number: int, source: Source, repeats: Keys, columns: Sequence[str]
) -> Iterator[polars.DataFrame]:
    """Yield the documents of a shard that a build would take and that meet the condition.

    Args:
        shard: The shard.
        number: Its number in the corpus.
        source: The source, which has the condition.
        repeats: The documents that repeat another.
        columns: The columns that are wanted beside the documents' keys.
    """
    import polars

    names = dict.fromkeys(("verdict", *find_names(source.choose_where), *columns))
    condition = polars.col("verdict").is_null()
    if source.choose_where:
        condition &= parse_condition(source.choose_where)
    for start, frame in shard.read(list(names)):
        keys = make_keys(number, start, len(frame))
        frame = frame.with_columns(key=polars.Series(keys, dtype=polars.UInt64))  # noqa: PLW2901
        if len(repeats) and len(keys):
            first, last = np.searchsorted(repeats, [keys[0], keys[-1] + np.uint64(1)])
            frame = frame.filter(~np.isin(keys, repeats[first:last]))  # noqa: PLW2901
        yield frame.filter(condition).select("key", *columns)


def choose_records(
    name: str,
    recipe: Recipe,
    reader: Reader,
    tokenizer: Tokenizer,
    evaluations: Mapping[str, EvaluationSet],
) -> ChosenRecords:
    """Return the records that a source's scores choose; of the corpus nothing is read yet.

    Raises:
        SourceError: The scores are not there, not complete, or of another corpus or other rules.
        OutputError: They can't be read.
    """
    try:
        return _choose(name, recipe, reader, tokenizer, evaluations)
    except RecipeError:
        raise
    except CalibsetError as error:
        raise name_source(error, f"sources.{name}") from error


def _choose(
    name: str,
    recipe: Recipe,
    reader: Reader,
    tokenizer: Tokenizer,
    evaluations: Mapping[str, EvaluationSet],
) -> ChosenRecords:
    require_polars()
    import polars

    source = recipe.sources[name]
    require_files_read_alone(source, f"sources.{name}")
    folder = ScoreFolder(source.scores or "", recipe.folder)
    rules = make_rules(name, recipe, tokenizer, evaluations)
    files = open_files(name, recipe, reader)
    tasks = find_shards(files, folder, reader.location, rules)
    wanted = recipe.hygiene_of(name).duplicates
    repeats = (
        np.empty(0, np.uint64) if wanted == "keep" else read_repeats(folder, tasks, near=wanted == "near")
    )
    digest = sha256()
    documents = eligible = tokens = 0
    paged = 0.0
    for number, task in enumerate(tasks):
        with open_shard(folder, task.shard) as shard:
            documents += shard.summary.documents
            digest.update(f"{task.shard} {shard.summary.sha256}\n".encode())
            paged += shard.summary.documents * _measure_pages(shard.summary.pages)
            for frame in read_eligible(shard, number, source, repeats, ["tokens"]):
                eligible += len(frame)
                tokens += int(frame["tokens"].cast(polars.Int64).sum())
    digest.update(repeats.astype("<u8").tobytes())
    if not eligible:
        raise SourceError(
            f"none of the {documents:,} documents that were scored meets the condition"
            + (f" ({source.choose_where})" if source.choose_where else "")
        )
    report = ScoresReport(
        sha256=digest.hexdigest(),
        choose=source.choose,
        choose_where=source.choose_where,
        documents=documents,
        repeats=len(repeats),
        eligible=eligible,
    )
    corpus = ScoredCorpus(folder, tasks, files)
    cost = paged / documents if paged else _measure_files(corpus) / _count_fetched_apart(corpus, documents)
    return ChosenRecords(report, tokens / eligible, cost, name, source, recipe.seed, corpus, repeats)


def _measure_pages(pages: PageTable) -> float:
    """Return how many bytes are read for one row of a row group."""
    columns = [[page for page in own if page.rows] for own in pages.values()]
    shared = sum(page.size for own in pages.values() for page in own if not page.rows and own[1].is_shared)
    return shared + sum(sum(page.size for page in own) / len(own) for own in columns)


def _measure_files(corpus: ScoredCorpus) -> int:
    """Return how many bytes a corpus has, as far as that is known."""
    return sum(file.file.size or 0 for file in corpus.files.values())


def _count_fetched_apart(corpus: ScoredCorpus, documents: int) -> int:
    """Return in how many pieces a corpus is fetched whose row groups have no pages that are told apart."""
    is_of_lines = corpus.files[corpus.tasks[0].file].kind == "block"
    return documents if is_of_lines else len(corpus.tasks)
