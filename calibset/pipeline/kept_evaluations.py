"""Evaluation sets kept in the cache as an index, so that the next build need not read and index them again.

What is kept goes by the recipe's tables, calibset's own code and the versions of libraries. Beside it stands
what was read, with its hash: those bytes are read and hashed again, and if one differs, or another file is
there, all is read anew. What an adapter that isn't calibset's reads is not kept, since its code may change.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from calibset.core.documents import Filtered, Rejection
from calibset.core.errors import SourceError
from calibset.dataset.manifest import read_versions
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.stats import LeftOut
from calibset.recipe.model import Recipe
from calibset.storage import Reader, TrackedReader
from calibset.storage.cache import Cache
from calibset.storage.kept_arrays import keep_arrays, load_arrays
from calibset.storage.read_tracker import hash_ranges

_KIND = "evaluations-1"
# A set of which more is left out is read each time: the records left out are told one by one.
_MOST_LEFT_OUT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """An evaluation set as it was read.

    Attributes:
        reader: The location that was read.
        documents: How many documents the set has.
        words: How many words its documents have.
        too_short: How many documents are too short to be searched for.
        left_out: Records that were rejected or filtered, so that their texts can't be kept out.
    """

    reader: Reader
    documents: int
    words: int
    too_short: int
    left_out: LeftOut


def load_evaluations(
    recipe: Recipe, readers: Mapping[str, Reader]
) -> tuple[EvaluationIndex, dict[str, EvaluationSet]] | None:
    """Return the index of a recipe's evaluation sets, and the sets, if they are kept and still the same."""
    arrays = load_arrays(Cache.default(), _KIND, _key(recipe)) if _can_be_kept(recipe) else None
    if arrays is None:
        return None
    about = json.loads(arrays["sets"].tobytes())
    try:
        if not all(_is_same(recipe, name, readers[name], about[name]["files"]) for name in recipe.exclude):
            return None
    except SourceError:  # reading the set will say what is wrong
        return None
    options = recipe.decontamination
    index = EvaluationIndex.of_arrays(arrays, run=options.run, containment=options.containment)
    return index, {name: _restore(readers[name], about[name]["counts"]) for name in recipe.exclude}


def keep_evaluations(
    recipe: Recipe, readers: Mapping[str, Reader], index: EvaluationIndex, sets: Mapping[str, EvaluationSet]
) -> None:
    """Keep the index of evaluation sets for the next build, if what was read of them can be told."""
    if not _can_be_kept(recipe):
        return
    about: dict[str, Any] = {}
    for name, evaluation in sets.items():
        reader = readers[name]
        left_out: list[Rejection | Filtered] = [
            *evaluation.left_out.rejected_records,
            *evaluation.left_out.filtered_records,
        ]
        if not isinstance(reader, TrackedReader) or len(left_out) > _MOST_LEFT_OUT:
            return
        names = [file.name for file in recipe.exclude[name].select_files(reader)]
        read = {one.name: [one.size, one.ranges, one.sha256] for one in reader.read()}
        # Something beside the files was looked at, or it can't be told whether a file has grown.
        if set(read) != set(names) or any(size is None for size, _, _ in read.values()):
            return
        counts = [evaluation.documents, evaluation.words, evaluation.too_short]
        about[name] = {
            "files": [[file, *read[file]] for file in names],
            "counts": [*counts, [[isinstance(one, Rejection), asdict(one)] for one in left_out]],
        }
    arrays = {**index.arrays(), "sets": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    keep_arrays(Cache.default(), arrays, _KIND, _key(recipe))


def _is_same(recipe: Recipe, name: str, reader: Reader, known: Iterable[Any]) -> bool:
    """Return whether a set's files hold what they held; their bytes count as read."""
    known = list(known)
    files = recipe.exclude[name].select_files(reader)
    return [[file.name, file.size] for file in files] == [one[:2] for one in known] and all(
        hash_ranges(file, tuple((start, end) for start, end in ranges)) == digest
        for file, (_, _, ranges, digest) in zip(files, known, strict=True)
    )


def _restore(reader: Reader, counts: Any) -> EvaluationSet:
    documents, words, too_short, records = counts
    left_out = LeftOut()
    for is_rejection, record in records:
        left_out.add(Rejection(**record) if is_rejection else Filtered(**record))
    return EvaluationSet(
        reader=reader, documents=documents, words=words, too_short=too_short, left_out=left_out
    )


def _can_be_kept(recipe: Recipe) -> bool:
    """Return whether a recipe has evaluation sets, and calibset's own code reads all of them."""
    package = __name__.partition(".")[0]
    modules = {type(source).__module__ for source in recipe.exclude.values()}
    return bool(modules) and all(module.partition(".")[0] == package for module in modules)


def _key(recipe: Recipe) -> str:
    tables = {
        name: [source.model_dump(mode="json"), recipe.max_rejected_of(name)]
        for name, source in recipe.exclude.items()
    }
    options = recipe.decontamination.model_dump(mode="json")
    return json.dumps([tables, options, sys.version, read_versions(), _code_digest()])


def _code_digest() -> str:
    """Return a digest of calibset's code."""
    root = Path(__file__).parents[1]
    digest = sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
