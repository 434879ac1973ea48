"""`plan`: what a build would read and how much, and whether it can, by a record of each source."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from calibset.core.documents import Kind
from calibset.core.errors import CalibsetError
from calibset.core.locations import JOINT
from calibset.core.progress import Progress, no_progress
from calibset.core.short_forms import count, write_line, write_table
from calibset.dataset.lockfile import Lock
from calibset.dataset.source_reports import ScoresReport
from calibset.pipeline.context import as_recipe
from calibset.pipeline.cost_estimates import count_wanted_rows, estimate_read, require_memory
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.kept_evaluations import EvaluationSet
from calibset.pipeline.locking import read_existing_lock
from calibset.pipeline.notes import FEWEST_ROWS, describe_few_documents
from calibset.pipeline.readers import open_reader, open_readers, open_storage
from calibset.pipeline.scoring.choosing import choose_records
from calibset.pipeline.trial import try_evaluation_set, try_source
from calibset.recipe.model import Recipe
from calibset.sources import Source
from calibset.storage import Storage, TrackedReader
from calibset.storage.file_names import find_splits
from calibset.tokenizers import ControlTokens, Tokenizer, find_tokenizer_file, load_tokenizer

# Characters of a document for each token of a row that are measured: enough for four rows of any language.
_MOST_MEASURED = 40
# A name's suffix, with that of its compression.
_SUFFIX = re.compile(r"(?<=.)\.[A-Za-z0-9_]{1,10}(?:\.(?:gz|bz2|xz|zst))?$", re.IGNORECASE)


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
        reads: About how many bytes of them a build would read; None if that can't be told.
        licence: The licence as the recipe states it.
        from_beginning: Whether some of it can only be read as a stream from its beginning.
        problem: Why a build would fail at the source; None if nothing speaks against it.
        read: How many of its location's files would be read, by their suffix.
        left: How many would not.
        unused: The locations and fallbacks that are not read, because the others are.
        splits: The usual splits that names of the files speak of.
        document: The id of the first document that would be kept; empty if it wasn't tried.
        text: The text of that document, as the model reads it.
        notes: What its first records tell, as sentences.
        scores: How its documents would be chosen, if that is by scores.
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
    reads: int | None = None
    read: Mapping[str, int] = field(default_factory=dict, hash=False)
    left: Mapping[str, int] = field(default_factory=dict, hash=False)
    unused: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    document: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()
    scores: ScoresReport | None = None

    def __repr__(self) -> str:
        files = self.problem or count(self.files, "file")
        return write_line("PlannedSource", self.name, count(self.quota, "row"), self.location, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do.

    Attributes:
        recipe: The recipe, with overrides applied.
        groups: Each group's quota of samples.
        sources: The sources.
        evaluations: The evaluation sets whose texts would be kept out.
        control_tokens: Those of the tokenizer, by which a preview marks them; none if nothing was tried.
    """

    recipe: Recipe
    groups: Mapping[str, int]
    sources: tuple[PlannedSource, ...]
    evaluations: tuple[PlannedSource, ...] = ()
    control_tokens: ControlTokens = field(default_factory=lambda: ControlTokens.of(()))

    def __repr__(self) -> str:
        size = f"{count(self.recipe.nsamples, 'row')} of {self.recipe.seqlen:,} tokens"
        problems = sum(source.problem is not None for source in (*self.sources, *self.evaluations))
        facts = [count(problems, "problem")] if problems else []
        return write_line("Plan", self.recipe.name, size, count(len(self.sources), "source"), *facts)

    def _repr_html_(self) -> str:
        return write_table(
            f"Plan of {self.recipe.name}: {self.recipe.nsamples:,} rows of {self.recipe.seqlen:,} tokens",
            ("source", "group", "type", "gives", "location", "rows", "files", "licence", "problem"),
            (
                (one.name, one.group, one.type, one.gives, one.location, one.quota, one.files, one.licence,
                 one.problem)
                for one in (*self.sources, *self.evaluations)
            ),
        )  # fmt: skip


def plan(  # noqa: PLR0913  (a program names those that it needs)
    recipe: Recipe | str | Path,
    *,
    data: str | Path | None = None,
    mirrors: Iterable[str] = (),
    offline: bool = False,
    tries: bool = True,
    progress: Progress | None = None,
    sources: Mapping[str, object] | None = None,
    **changes: Any,
) -> Plan:
    """Return what a build would read and how much, and why it would fail, as far as a few records tell.

    Args:
        recipe: The recipe, or its path.
        data: A folder that relative locations are looked up in first; ``CALIBSET_DATA`` if None.
        mirrors: Mirrors, each ``https://PREFIX=https://REPLACEMENT``; those of ``CALIBSET_MIRRORS``
            come after them.
        offline: Whether only the cache is asked, and no server.
        tries: Whether the first records of each source are read and rendered; if not, no data is
            downloaded.
        progress: Called when a source is about to be opened.
        sources: As for `build`.
        changes: As for `build`.

    Raises:
        RecipeError: The recipe at the path or a change has faults.
        OutputError: There is a lock beside the recipe, and it can't be read.
        TokenizerError: There is no such tokenizer, or it can't be loaded.
    """
    recipe = as_recipe(recipe, changes, sources)
    require_memory(recipe)
    find_tokenizer_file(recipe.tokenizer, recipe.folder, offline=offline)
    storage = open_storage(recipe, data, mirrors, offline=offline, given=sources)
    lock = read_existing_lock(recipe)

    @cache
    def read_evaluations() -> Mapping[str, EvaluationSet]:
        return index_evaluation_sets(recipe, open_readers(recipe, storage, lock, recipe.exclude))[1]

    planner = _Planner(
        recipe=recipe,
        storage=storage,
        lock=lock,
        tokenizer=load_tokenizer(recipe.tokenizer, recipe.folder, offline=offline) if tries else None,
        progress=progress or no_progress,
        read_evaluations=read_evaluations,
        wanted=count_wanted_rows(recipe),
    )
    quotas = recipe.mixture.quotas()
    groups: dict[str, int] = dict.fromkeys(recipe.mixture.weights, 0)
    for name, source in recipe.sources.items():
        groups[source.group] += quotas[name]
    return Plan(
        recipe=recipe,
        groups=groups,
        sources=tuple(planner.plan_source(name, quotas[name]) for name in recipe.sources),
        evaluations=tuple(planner.plan_source(name, 0) for name in recipe.exclude),
        control_tokens=ControlTokens.of(planner.tokenizer.special_tokens if planner.tokenizer else ()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """Plans the sources of a recipe; without a tokenizer none of them is tried.

    Attributes:
        recipe: The recipe.
        storage: Where its locations are looked up.
        lock: The lock beside the recipe, if there is one.
        tokenizer: The target's tokenizer.
        progress: Called when a source is about to be opened.
        read_evaluations: Returns the evaluation sets, whose texts belong to the rules of scores.
        wanted: How many rows are asked of each source for all files.
    """

    recipe: Recipe
    storage: Storage
    lock: Lock | None
    tokenizer: Tokenizer | None
    progress: Progress
    read_evaluations: Callable[[], Mapping[str, EvaluationSet]]
    wanted: Mapping[str, int]

    def plan_source(self, name: str, quota: int) -> PlannedSource:
        """Return how a source or an evaluation set would be used."""
        self.progress(name, 0, 1)
        source = self.recipe.corpora[name]
        planned = PlannedSource(
            name=name,
            group=source.group,
            type=source.type,
            gives=source.gives,
            quota=quota,
            location=source.where[0],
            revision=None,
            files=0,
            size=None,
            licence=source.licence,
            from_beginning=False,
            problem=None,
        )
        try:
            reader = open_reader(name, self.recipe, self.storage, self.lock)
            choices = map(JOINT.join, (source.where, *source.fallbacks))
            planned = replace(
                planned,
                location=reader.location,
                revision=reader.revision,
                unused=tuple(choice for choice in choices if choice != reader.location),
            )
            planned = _count_files(planned, source, reader)
            if source.scores and name in self.recipe.sources:
                planned = self._choose(planned, reader)
            else:
                planned = replace(planned, reads=self._estimate_read(name, source, planned, reader))
            if self.tokenizer is None:
                return planned
            if name in self.recipe.exclude:
                try_evaluation_set(name, self.recipe, reader)
                return planned
        except CalibsetError as error:
            return replace(planned, problem=str(error))
        try:
            trial = try_source(name, self.recipe, reader, self.tokenizer)
        except CalibsetError as error:
            # A build opens a source of which no row is asked, but reads it only where others run short.
            return replace(
                planned, **({"problem": str(error)} if quota else {"notes": (*planned.notes, str(error))})
            )
        planned = replace(
            planned,
            gives=trial.gives or planned.gives,
            document=trial.document,
            text=trial.text,
            notes=(*planned.notes, *trial.notes),
        )
        return replace(planned, notes=(*planned.notes, *self._note_few_documents(planned)))

    def _choose(self, planned: PlannedSource, reader: TrackedReader) -> PlannedSource:
        """Return a source with what its scores choose; without a tokenizer that can't be told.

        Raises:
            SourceError: The scores are not there, not complete, or of another corpus or other rules.
        """
        if self.tokenizer is None:
            return planned
        chosen = choose_records(planned.name, self.recipe, reader, self.tokenizer, self.read_evaluations())
        reads = chosen.estimate_read(self.wanted[planned.name], self.recipe)
        return replace(planned, scores=chosen.report, reads=reads)

    def _estimate_read(
        self, name: str, source: Source, planned: PlannedSource, reader: TrackedReader
    ) -> int | None:
        if name in self.recipe.exclude:
            return planned.size  # an evaluation set is read whole
        files, opens = source.select_files(reader), self.tokenizer is not None
        return estimate_read(source, files, self.wanted[name], self.recipe.seqlen, opens=opens)

    def _note_few_documents(self, planned: PlannedSource) -> Iterator[str]:
        """Say if few documents will make up the rows, should all be as long as the first that was read."""
        if self.tokenizer is None or planned.gives != "texts" or planned.quota < FEWEST_ROWS:
            return
        beginning = planned.text[: _MOST_MEASURED * self.recipe.seqlen]
        tokens = len(self.tokenizer.encode(beginning, parse_special=False))
        rows = min(self.recipe.max_rows_per_document, tokens // self.recipe.seqlen)
        if rows > 1 and (expected := -(-planned.quota // rows)) < planned.files:
            yield describe_few_documents(planned.name, planned.quota, expected, planned.files, "about ")


def _count_files(planned: PlannedSource, source: Source, reader: TrackedReader) -> PlannedSource:
    files = source.select_files(reader)
    sizes = [file.size for file in files if file.size is not None]
    size = sum(sizes) if len(sizes) == len(files) else None
    return replace(
        planned,
        files=len(files),
        size=size,
        from_beginning=size is not None and source.is_streamed(reader),
        read=count_suffixes(file.name for file in files),
        left=_count_left(reader, [file.name for file in files]),
        splits=find_splits(file.name for file in files),
        notes=(f"{planned.name}: {note}",) if (note := source.note_splits(reader)) else (),
    )


def _count_left(reader: TrackedReader, read: list[str]) -> dict[str, int]:
    """Count the files of a location that are not read, by what their names end in."""
    names: list[str] = []

    def note(found: list[str]) -> list[str]:
        names.extend(found)
        return []

    try:
        # A card is read only by its name, and is left like any other file.
        reader.files("*", "README.md", choose=note)
    except CalibsetError:  # a folder on a server lists no files
        return {}
    left = Counter(count_suffixes(names)) - Counter(count_suffixes(read))
    return dict(sorted(left.items(), key=lambda item: (-item[1], item[0])))


def count_suffixes(names: Iterable[str]) -> dict[str, int]:
    """Count file names by what they end in, the commonest first.

    Examples:
        >>> count_suffixes(["a.txt", "b.TXT", "c/d.jsonl.gz", "LICENCE"])
        {'*.txt': 2, '*.jsonl.gz': 1, 'LICENCE': 1}
    """
    counts = Counter(_describe_suffix(name) for name in names)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _describe_suffix(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    match = _SUFFIX.search(base)
    return f"*{match[0].lower()}" if match else base
