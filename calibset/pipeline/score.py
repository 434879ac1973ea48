"""`score`: every document of a corpus examined once, and what was found kept in a folder of shards."""

from __future__ import annotations

import pickle
import secrets
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from calibset.core.errors import CalibsetError, RecipeError, SourceError
from calibset.core.progress import Progress, show_progress
from calibset.core.short_forms import count, write_line, write_table
from calibset.pipeline.context import as_recipe
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.locking import read_existing_lock
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.pipeline.scoring.job import (
    PartTask,
    Rules,
    ScoringJob,
    Workplace,
    make_rules,
    make_scorer,
    open_files,
    score_part,
)
from calibset.pipeline.scoring.repeats import find_repeats
from calibset.pipeline.scoring.scored_corpus import ScoredCorpus
from calibset.pipeline.scoring.shards import ShardSummary, read_summary
from calibset.pipeline.scoring.survey import find_terms, list_tasks, rules_name
from calibset.pipeline.source_stream import open_source_stream
from calibset.pipeline.worker_process import open_processes
from calibset.recipe.model import Recipe
from calibset.selection.score_columns import require_polars
from calibset.sources.base import name_source
from calibset.sources.corpus_parts import require_files_read_alone
from calibset.storage.score_folder import ScoreFolder
from calibset.tokenizers import load_tokenizer

# Tasks that a worker has waiting, so that none of them is idle.
_AHEAD = 4
_DEFAULT_FOLDER = "scores"
_BOILERPLATE = (
    "a build removes lines that other documents also hold (hygiene.boilerplate); scores count them, so its "
    "documents may be shorter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceScores:
    """What the scores of a source come to.

    Attributes:
        name: The source's name in the recipe.
        location: The location that was read.
        folder: Where the scores are.
        parts: How many parts the corpus has.
        new: How many of them were scored here now; the others had been before, or were by another machine.
        documents: How many records the corpus has.
        admitted: How many of them a build would take.
        tokens: How many tokens these have.
        repeats: How many of these repeat another, or nearly so; None if the recipe keeps duplicates.
        verdicts: How many of the others are left out, by reason.
        languages: How many of those that a build would take are in each language; ``?`` if it is unknown.
        notes: What a build does that scores don't tell, and what is wrong with the tokenizer, as sentences.
    """

    name: str
    location: str
    folder: str
    parts: int
    new: int
    documents: int
    admitted: int
    tokens: int
    repeats: int | None
    verdicts: Mapping[str, int]
    languages: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return write_line(
            "SourceScores", self.name, count(self.documents, "document"), f"{self.admitted:,} usable",
            count(self.parts, "part"),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return write_table(
            f"{self.name} ({self.location}): {count(self.documents, 'document')}, {self.admitted:,} usable",
            ("left out because", "documents"),
            self.verdicts.items(),
        )


def score(  # noqa: PLR0913  (a program names those that it needs)
    recipe: Recipe | str | Path,
    *,
    source: str | Sequence[str] | None = None,
    scores: str | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    progress: Progress | None = None,
    **changes: Any,
) -> tuple[SourceScores, ...]:
    """Examine every document of a recipe's corpora, and keep what is found in a folder.

    Parts that are scored already are skipped, so an interrupted run goes on where it was, and several
    machines may share a folder.

    Args:
        recipe: The recipe, or its path.
        source: The source, or several; if None, those that name a folder of scores, or else all.
        scores: The folder, or its URL; if None, the source's `scores`, or else ``scores`` beside the recipe.
        workers: How many processes score at once.
        executor: Runs the work in place of processes of its own: any executor of `concurrent.futures`, such
            as Dask's ``client.get_executor()``. Its workers must reach the corpora and the folder.
        data: A folder that relative locations are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: Mirrors, each ``https://PREFIX=https://REPLACEMENT``.
        offline: Whether only the cache is read, and no server.
        progress: Called as parts are scored.
        changes: Values that replace those of the recipe.

    Raises:
        RecipeError: There is no source of that name.
        SourceError: A source can't be read, or not in parts.
        OutputError: The folder can't be written to.
    """
    require_polars()
    recipe = as_recipe(recipe, changes)
    lock = read_existing_lock(recipe)
    mirrors = tuple(mirrors)
    storage = open_storage(recipe, data, mirrors, offline=offline)
    names = _choose_sources(recipe, source)
    tokenizer = load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline)
    indexes, evaluations = index_evaluation_sets(recipe, open_readers(recipe, storage, lock, recipe.exclude))
    wanted = count_wanted_rows(recipe)
    titled = (
        open_source_stream(
            name, recipe, open_reader(name, recipe, storage, lock), tokenizer, indexes, rows=wanted[name]
        )
        for name in recipe.selection.terms_of
    )
    terms = find_terms(recipe, titled)
    found = []
    with show_progress(progress, "parts") as shown, _open_pool(executor, workers) as pool:
        for name in names:
            rules = make_rules(name, recipe, tokenizer, evaluations)
            job = ScoringJob(
                recipe=recipe,
                source=name,
                folder=ScoreFolder(scores or recipe.sources[name].scores or _DEFAULT_FOLDER, recipe.folder),
                rules=rules.digest,
                terms=terms,
                lock=lock,
                data=data,
                mirrors=mirrors,
                offline=offline,
            )
            if job.folder.is_in_memory and (executor or workers > 1):
                raise RecipeError(
                    f"{job.folder.location}: only this process sees it; name a folder, or score with "
                    "one worker"
                )
            reader = open_reader(name, recipe, storage, lock)
            scorer = make_scorer(name, recipe, tokenizer, indexes, terms)
            try:
                workplace = Workplace(job, scorer, open_files(name, recipe, reader))
                found.append(_score_source(workplace, rules, reader.location, pool, shown))
            except CalibsetError as error:
                raise name_source(error, f"sources.{name}") from error
    if found and tokenizer.notes:
        found[-1] = replace(found[-1], notes=(*found[-1].notes, *tokenizer.notes))
    return tuple(found)


def _score_source(
    place: Workplace, rules: Rules, location: str, pool: _Pool, progress: Progress
) -> SourceScores:
    """Score the parts of a source that have not been scored, and look for repeats in all of it."""
    name, folder = place.job.source, place.job.folder
    tasks = list_tasks(place.files, folder, location, rules.digest, remembers=True)
    folder.remove_leftovers()
    there = folder.list_names()
    if rules_name(rules.digest) not in there:
        folder.write(rules_name(rules.digest), rules.to_json())
    summaries = {task: read_summary(folder, task.shard) for task in tasks if str(task.shard) in there}
    new = [task for task in tasks if task not in summaries]
    progress(name, len(summaries), len(tasks))
    scored = 0
    for task, summary in pool.run(place, new):
        summaries[task] = summary
        scored += 1
        progress(name, len(summaries), len(tasks))
    if by_others := [task for task in tasks if task not in summaries]:
        summaries.update((task, read_summary(folder, task.shard)) for task in by_others)
        progress(name, len(summaries), len(tasks))
    wanted = place.job.recipe.hygiene_of(name).duplicates
    repeats = None
    if wanted != "keep":
        repeats = find_repeats(ScoredCorpus(folder, tasks, place.files), place.scorer, near=wanted == "near")
    scores = _sum_up(name, location, folder, [summaries[task] for task in tasks], scored, repeats)
    return replace(scores, notes=_BOILERPLATE) if place.job.recipe.hygiene_of(name).boilerplate else scores


def _choose_sources(recipe: Recipe, wanted: str | Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        wanted = [name for name, source in recipe.sources.items() if source.scores]
        wanted = wanted or [name for name, source in recipe.sources.items() if source.reads_by_file]
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in names:
        if name not in recipe.sources:
            known = ", ".join(recipe.sources)
            raise RecipeError(f"--source {name}: the recipe has no such source; it has {known}")
        require_files_read_alone(recipe.sources[name], f"sources.{name}")
    return names


def _sum_up(
    name: str,
    location: str,
    folder: ScoreFolder,
    summaries: Sequence[ShardSummary],
    new: int,
    repeats: int | None,
) -> SourceScores:
    verdicts, languages = Counter[str](), Counter[str]()
    for summary in summaries:
        verdicts.update(summary.verdicts)
        languages.update(summary.languages)
    return SourceScores(
        name=name,
        location=location,
        folder=folder.location,
        parts=len(summaries),
        new=new,
        documents=sum(summary.documents for summary in summaries),
        admitted=sum(summary.admitted for summary in summaries),
        tokens=sum(summary.tokens for summary in summaries),
        repeats=repeats,
        verdicts=dict(sorted(verdicts.items(), key=lambda item: (-item[1], item[0]))),
        languages=dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
    )


@dataclass(slots=True)
class _Pool:
    """Runs the scoring of parts: here, in processes of its own, or wherever an executor runs it."""

    workers: int
    executor: Executor | None
    _own: ProcessPoolExecutor | None = None

    def run(self, place: Workplace, tasks: Sequence[PartTask]) -> Iterator[tuple[PartTask, ShardSummary]]:
        """Yield what each part comes to, as it is scored; not those that another machine scores meanwhile.

        If a process of its own is killed, the parts that are not finished are scored by others, once.
        """
        folder = place.job.folder
        if self.executor is None and self.workers == 1:
            yield from ((task, place.score(task)) for task in _take_turns(tasks, folder))
            return
        job = pickle.dumps(place.job)
        done: set[PartTask] = set()
        for attempt in (1, 2):
            try:
                left = [task for task in tasks if task not in done]
                for task, summary in self._run(job, _take_turns(left, folder)):
                    done.add(task)
                    yield task, summary
            except BrokenProcessPool as error:
                self.close()
                if attempt == 2 or self.executor:
                    raise SourceError(
                        "a process that scored was killed, for memory perhaps; what is finished is kept: run "
                        "it again with fewer workers"
                    ) from error
            else:
                return

    def _run(self, job: bytes, tasks: Iterator[PartTask]) -> Iterator[tuple[PartTask, ShardSummary]]:
        executor = self.executor or self._open_own()
        running: dict[Future[ShardSummary], PartTask] = {}
        ahead = _AHEAD * self.workers if self.executor is None else _AHEAD * 64
        while True:
            for task in islice(tasks, ahead - len(running)):
                running[executor.submit(score_part, job, task)] = task
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()

    def _open_own(self) -> ProcessPoolExecutor:
        if self._own is None:
            self._own = open_processes(self.workers, {})
        return self._own

    def close(self, *, at_once: bool = False) -> None:
        """End the processes of its own; what they are at is finished, or dropped if they end at once."""
        if self._own is None:
            return
        processes = list((self._own._processes or {}).values())  # noqa: SLF001  (Python 3.14 ends them itself)
        self._own.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for process in processes:
                process.terminate()
        self._own = None


def _take_turns(tasks: Sequence[PartTask], folder: ScoreFolder) -> Iterator[PartTask]:
    """Yield parts that are not scored when their turn has come.

    Other machines may score the same parts. So each begins anywhere, and goes on anywhere else when it meets
    what another has finished: two that went on side by side would score everything twice.
    """
    left = deque(tasks)
    is_met = True
    while left:
        if is_met:
            left.rotate(secrets.randbelow(len(left)))
        task = left.popleft()
        if not (is_met := folder.holds(str(task.shard))):
            yield task


@contextmanager
def _open_pool(executor: Executor | None, workers: int) -> Iterator[_Pool]:
    pool = _Pool(workers, executor)
    try:
        yield pool
    except BaseException:
        # Half of a shard is never written, and who interrupts does not want to wait for the other half.
        pool.close(at_once=True)
        raise
    pool.close()
