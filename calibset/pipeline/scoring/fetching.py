"""Records of scored documents, read again from their corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt

from calibset.core.documents import Record
from calibset.core.errors import SourceError
from calibset.pipeline.scoring.document_scores import digest_record
from calibset.pipeline.scoring.job import PartTask
from calibset.pipeline.scoring.shards import read_scores, read_summary
from calibset.sources.corpus_parts import CorpusFile, Place
from calibset.storage.score_folder import ScoreFolder

_ROW_BITS: Final = 32

Keys = npt.NDArray[np.uint64]
"""Documents: the number of a shard in the upper half, the document's row in it in the lower."""


def make_keys(shard: int, rows: int) -> Keys:
    """Return the keys of a shard's documents."""
    return (np.uint64(shard) << np.uint64(_ROW_BITS)) | np.arange(rows, dtype=np.uint64)


def fetch_records(
    folder: ScoreFolder, tasks: Sequence[PartTask], files: Mapping[str, CorpusFile], keys: Iterable[int]
) -> Iterator[tuple[int, Record]]:
    """Yield documents' keys and records, those of a shard together.

    Args:
        folder: The folder of the scores.
        tasks: The parts of the corpus.
        files: The corpus's files.
        keys: The documents.

    Raises:
        SourceError: A record is not there any more, or is another.
    """
    for shard, own in groupby(sorted(keys), key=lambda key: key >> _ROW_BITS):
        rows = [key & (1 << _ROW_BITS) - 1 for key in own]
        for row, record in _fetch_rows(folder, tasks[shard], files, rows):
            yield shard << _ROW_BITS | row, record


def _fetch_rows(
    folder: ScoreFolder, task: PartTask, files: Mapping[str, CorpusFile], rows: Sequence[int]
) -> Iterator[tuple[int, Record]]:
    """Yield the records of some rows of a shard with the rows' numbers."""
    frame = read_scores(folder, task.shard, ["start", "end", "row", "digest"])[list(rows)]
    pages = read_summary(folder, task.shard).pages
    places = {
        Place(start, end, row): (number, digest)
        for number, (start, end, row, digest) in zip(rows, frame.iter_rows(), strict=True)
    }
    found = 0
    for place, record in files[task.file].fetch(list(places), task.shard.part, pages):
        number, digest = places[place]
        if digest_record(record) != digest:
            break
        found += 1
        yield number, record
    if found < len(places):
        raise SourceError(
            f"{task.file} holds other records than those that were scored in {folder.location}; "
            "run `calibset score` again"
        )
