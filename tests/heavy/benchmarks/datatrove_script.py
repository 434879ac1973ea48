"""Quality filters and near duplicates by datatrove: Gopher's filters, then MinHash in its four stages.

    python datatrove_script.py TEXTS.jsonl FOLDER

The texts that are kept end up in FOLDER/kept. It runs in an environment of its own, without calibset.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

# As many permutations as calibset has, in buckets that find what is 0.77 alike.
CONFIG = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
LANGUAGE = "slk"


def main(texts: Path, folder: Path) -> None:
    filtered, signatures, buckets, removed = (
        str(folder / name) for name in ("filtered", "signatures", "buckets", "removed")
    )
    run(
        JsonlReader(str(texts.parent), glob_pattern=texts.name),
        GopherRepetitionFilter(language=LANGUAGE),
        # Its stop words are English, and these texts are Slovak for a good part.
        GopherQualityFilter(language=LANGUAGE, min_stop_words=0),
        JsonlWriter(filtered, compression=None),
    )
    run(JsonlReader(filtered), MinhashDedupSignature(signatures, config=CONFIG, language=LANGUAGE))
    run(MinhashDedupBuckets(signatures, buckets, config=CONFIG), tasks=CONFIG.num_buckets)
    run(MinhashDedupCluster(buckets, removed, config=CONFIG))
    run(
        JsonlReader(filtered),
        MinhashDedupFilter(removed),
        JsonlWriter(str(folder / "kept"), compression=None),
    )


def run(*steps: PipelineStep, tasks: int = 1) -> None:
    LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, workers=1).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
