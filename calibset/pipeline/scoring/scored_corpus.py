"""A corpus all of whose parts are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from calibset.pipeline.scoring.job import PartTask
from calibset.sources.corpus_parts import CorpusFile
from calibset.storage.score_folder import ScoreFolder

ROW_BITS: Final = 32

Keys = npt.NDArray[np.uint64]
"""Documents: the number of a shard in the upper half, the document's row in it in the lower."""


@dataclass(frozen=True, slots=True)
class ScoredCorpus:
    """The shards of a corpus, and its files.

    Attributes:
        folder: The folder of the shards.
        tasks: The parts in order.
        files: The files by name.
    """

    folder: ScoreFolder
    tasks: Sequence[PartTask]
    files: Mapping[str, CorpusFile]


def make_keys(shard: int, start: int, rows: int) -> Keys:
    """Return the keys of some documents of a shard that follow each other."""
    return (np.uint64(shard) << np.uint64(ROW_BITS)) | np.arange(start, start + rows, dtype=np.uint64)
