"""Which shards a corpus's scores are made of, and whether all of them are there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from calibset.core.errors import SourceError
from calibset.pipeline.scoring.job import PartTask, Rules
from calibset.pipeline.scoring.shards import ShardName, parse_name
from calibset.pipeline.source_stream import SourceStream
from calibset.recipe.model import Recipe
from calibset.sources.corpus_parts import CorpusFile
from calibset.storage.fingerprints import Fingerprints
from calibset.storage.score_folder import ScoreFolder

_AGAIN = "run `calibset score` again"
_MOST_RULES = 2**20


def list_tasks(
    files: Mapping[str, CorpusFile], folder: ScoreFolder, location: str, rules: str, *, remembers: bool
) -> list[PartTask]:
    """Return the parts of a source's files in order, of files with the same contents those of the first.

    Files all of whose parts are scored are not opened.
    """
    fingerprints = Fingerprints(folder, remembers=remembers)
    known = _count_parts(_parse_names(folder.list_names()))
    tasks: dict[str, list[PartTask]] = {}
    for name, file in files.items():
        digest = fingerprints.find(file.file, location)
        if digest not in tasks:
            parts = known.get((digest[:32], rules[:16])) or file.count_parts()
            tasks[digest] = _make_tasks(name, digest, parts, rules)
    return list(chain.from_iterable(tasks.values()))


def find_shards(
    files: Mapping[str, CorpusFile], folder: ScoreFolder, location: str, rules: Rules
) -> list[PartTask]:
    """Return the parts of a source's files whose scores are in a folder; files that have all aren't opened.

    Raises:
        SourceError: Some are not there, or are of other files or other rules.
    """
    there = folder.list_names()
    shards = _parse_names(there)
    scored = {(file, own) for file, _, _, own in shards}
    if not scored:
        raise SourceError(f"{folder.location} holds no scores; make them with `calibset score`")
    complete = _count_parts(shards)
    fingerprints = Fingerprints(folder)
    tasks: dict[str, list[PartTask]] = {}
    for name, file in files.items():
        digest = fingerprints.find(file.file, location)
        key = digest[:32], rules.digest[:16]
        count = complete.get(key) or file.count_parts()
        if count and key not in scored:
            raise SourceError(_explain_missing(name, digest, rules, folder, scored))
        if digest not in tasks:
            tasks[digest] = _make_tasks(name, digest, count, rules.digest)
    all_tasks = list(chain.from_iterable(tasks.values()))
    missing = [task for task in all_tasks if str(task.shard) not in there]
    if missing:
        raise SourceError(
            f"{folder.location}: {len(missing):,} of {len(all_tasks):,} parts are not scored yet, the first "
            f"of {missing[0].file}; {_AGAIN}, which goes on where it was"
        )
    return all_tasks


def _make_tasks(file: str, digest: str, parts: int, rules: str) -> list[PartTask]:
    """Return the parts of a file."""
    return [PartTask(file, ShardName(digest, part, parts, rules)) for part in range(parts)]


def _parse_names(names: Iterable[str]) -> list[tuple[str, int, int, str]]:
    """Return what the names of shards say, without those of other files."""
    return list(filter(None, map(parse_name, names)))


def _count_parts(shards: Iterable[tuple[str, int, int, str]]) -> dict[tuple[str, str], int]:
    """Return how many parts each file has, by the beginnings of its hash and of the rules.

    Only files all of whose parts are there: what some names say of others may be wrong.
    """
    there = Counter((file, rules, parts) for file, part, parts, rules in shards if part < parts)
    return {(file, rules): parts for (file, rules, parts), count in sorted(there.items()) if count == parts}


def _explain_missing(
    name: str, digest: str, rules: Rules, folder: ScoreFolder, scored: Collection[tuple[str, str]]
) -> str:
    others = sorted(own for file, own in scored if file == digest[:32])
    if not others:
        return (
            f"{folder.location} holds no scores of {name} as it is now: it was added or has changed; {_AGAIN}"
        )
    differing = Counter[str]()
    for other in others:
        text = folder.read_if_there(rules_name(other), most=_MOST_RULES)
        try:
            before = json.loads(text or b"{}")
        except ValueError:
            continue
        if isinstance(before, dict):
            differing.update(_differences(before, json.loads(rules.to_json())))
    what = ", ".join(key for key, _ in sorted(differing.items())[:5]) or "the rules"
    return f"{folder.location} was scored by other rules ({what} differs now); {_AGAIN}"


def _differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yield the keys whose values are others."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif before != now:
        yield path


def rules_name(digest: str) -> str:
    """Return the name of the file that says by which rules shards were scored."""
    return f"rules-{digest[:16]}.json"


def find_terms(recipe: Recipe, streams: Iterable[SourceStream]) -> tuple[str, ...]:
    """Return the letters and titles that a recipe's selection must cover; the streams give the titles."""
    titles = []
    for stream in streams:
        for _ in stream.items:
            pass
        titles += stream.stats.titles
    return tuple(dict.fromkeys((*recipe.selection.letters, *titles)))
