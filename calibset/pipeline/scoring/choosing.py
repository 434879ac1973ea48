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
from calibset.pipeline.scoring.fetching import Keys, fetch_records, make_keys
from calibset.pipeline.scoring.job import PartTask, make_rules, open_files
from calibset.pipeline.scoring.repeats import read_repeats
from calibset.pipeline.scoring.shards import read_scores, read_summary
from calibset.pipeline.scoring.survey import find_shards
from calibset.recipe.model import Recipe
from calibset.selection.score_columns import require_polars
from calibset.selection.score_condition import find_names, parse_condition
from calibset.selection.score_order import NEEDED, order_keys
from calibset.sources.base import Source, name_source
from calibset.sources.corpus_parts import CorpusFile, require_files_read_alone
from calibset.storage import Reader
from calibset.storage.score_folder import ScoreFolder
from calibset.tokenizers import Tokenizer

if TYPE_CHECKING:
    import polars

# Records that are fetched together, so that those close to each other take one request.
_FETCHED_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class ChosenRecords:
    """The records of a source that its scores choose.

    Attributes:
        report: What a manifest says of them.
    """

    report: ScoresReport
    _name: str
    _source: Source
    _seed: int
    _folder: ScoreFolder
    _tasks: Sequence[PartTask]
    _files: Mapping[str, CorpusFile]
    _repeats: Keys

    def read(self) -> Iterator[Record]:
        """Yield the records in the order in which they are chosen, some dozens read at a time.

        Raises:
            SourceError: A record is not there any more, or is another.
        """
        choose = self._source.choose
        keys = order_keys(lambda: self._frames(NEEDED[choose]), choose, self._seed, self._name)
        while batch := list(islice(keys, _FETCHED_TOGETHER)):
            found = dict(fetch_records(self._folder, self._tasks, self._files, batch))
            yield from (found[key] for key in batch)

    def _frames(self, columns: Sequence[str]) -> Iterator[polars.DataFrame]:
        yield from read_eligible(self._folder, self._tasks, self._source, self._repeats, columns)


def read_eligible(
    folder: ScoreFolder,
    tasks: Sequence[PartTask],
    source: Source,
    repeats: Keys,
    columns: Sequence[str],
) -> Iterator[polars.DataFrame]:
    """Yield, shard by shard, the documents that a build would take and that meet the condition."""
    import polars

    names = dict.fromkeys(("verdict", *find_names(source.choose_where), *columns))
    condition = polars.col("verdict").is_null()
    if source.choose_where:
        condition &= parse_condition(source.choose_where)
    for number, task in enumerate(tasks):
        frame = read_scores(folder, task.shard, list(names))
        keys = make_keys(number, len(frame))
        frame = frame.with_columns(key=polars.Series(keys, dtype=polars.UInt64))
        if len(repeats) and len(keys):
            first, last = np.searchsorted(repeats, [keys[0], keys[-1] + np.uint64(1)])
            frame = frame.filter(~np.isin(keys, repeats[first:last]))
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
    documents = 0
    for task in tasks:
        summary = read_summary(folder, task.shard)
        documents += summary.documents
        digest.update(f"{task.shard} {summary.sha256}\n".encode())
    digest.update(repeats.astype("<u8").tobytes())
    eligible = sum(len(frame) for frame in read_eligible(folder, tasks, source, repeats, ()))
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
    return ChosenRecords(report, name, source, recipe.seed, folder, tasks, files, repeats)
