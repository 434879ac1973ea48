"""Repeats in a whole corpus, and the memory that finding them takes."""

from __future__ import annotations

import resource
import tempfile
import tracemalloc
from hashlib import blake2b
from pathlib import Path
from typing import cast

import numpy as np
import polars
import pytest

from calibset.core.errors import OutputError
from calibset.hygiene.minhash import PERMUTATIONS
from calibset.pipeline.scoring import repeats
from calibset.pipeline.scoring.document_scores import DocumentScore, Scorer
from calibset.pipeline.scoring.job import PartTask
from calibset.pipeline.scoring.repeats import find_repeats, read_repeats
from calibset.pipeline.scoring.scored_corpus import ScoredCorpus
from calibset.pipeline.scoring.shards import ShardName, write_shard
from calibset.sources.corpus_parts import Place
from calibset.storage.score_folder import ScoreFolder

PART = 2_048


def digest(number: int) -> bytes:
    return blake2b(number.to_bytes(8), digest_size=16).digest()


def write_scores(folder: Path, documents: int) -> ScoredCorpus:
    """Write scores of documents, the last of each ten with the words of the first of all."""
    draw = np.random.default_rng(documents)
    scores = ScoreFolder(str(folder))
    tasks = []
    for part in range(documents // PART):
        sketches = draw.integers(0, 256, (PART, PERMUTATIONS), np.uint8)
        rows = [
            DocumentScore(
                id=f"{number}", verdict=None, digest=bytes(8), words=100, sketch=sketch.tobytes(),
                same=digest(0 if number % 10 == 9 else number),
            )
            for number, sketch in enumerate(sketches, part * PART)
        ]  # fmt: skip
        tasks.append(PartTask("a.jsonl", ShardName("0" * 64, part, documents // PART, "0" * 64)))
        places = (Place(0, 0, row) for row in range(PART))
        write_shard(scores, tasks[-1].shard, zip(places, rows, strict=True), {})
    return ScoredCorpus(scores, tasks, {})


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_SORTED_AT_ONCE", 2**13)
    monkeypatch.setattr(repeats, "_COMPARED_AT_ONCE", 2**12)
    peaks = []
    # What the first search loads counts for none.
    for documents in (PART, 2 * PART, 8 * PART):
        corpus = write_scores(tmp_path / str(documents), documents)
        tracemalloc.start()
        # No two sketches are similar, so that no document is read.
        found = find_repeats(corpus, cast("Scorer", None), near=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        keys = read_repeats(corpus.folder, corpus.tasks, near=True)
        assert len(keys) == found == documents // 10
        assert keys[:2].tolist() == [9, 19]
    assert peaks[2] < 1.2 * peaks[1]


@pytest.mark.parametrize("half", [0, 8])
def test_texts_repeat_each_other_if_all_bytes_of_their_digests_agree(tmp_path: Path, half: int) -> None:
    """Digests that agree in one half are those of different texts."""
    digests = [bytearray(digest(0)) for _ in range(4)]
    digests[1][half : half + 8] = digests[2][half : half + 8] = digest(1)[:8]
    folder, name = ScoreFolder(str(tmp_path)), ShardName("0" * 64, 0, 1, "0" * 64)
    rows = [DocumentScore(id=f"{number}", verdict=None, digest=bytes(8), same=bytes(same))
            for number, same in enumerate(digests)]  # fmt: skip
    write_shard(folder, name, zip((Place(0, 0, row) for row in range(4)), rows, strict=True), {})
    tasks = [PartTask("a.jsonl", name)]
    assert find_repeats(ScoredCorpus(folder, tasks, {}), cast("Scorer", None), near=False) == 2
    assert polars.read_parquet(next(tmp_path.glob("repeats-*")))["key", "kept"].rows() == [(2, 1), (3, 0)]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    corpus = write_scores(tmp_path, PART)
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Enough for the documents' words, too little for their sketches.
    resource.setrlimit(resource.RLIMIT_FSIZE, (PART * PERMUTATIONS // 2, hard))
    try:
        with pytest.raises(OutputError) as caught:
            find_repeats(corpus, cast("Scorer", None), near=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    assert str(caught.value) == (
        f"{tempfile.gettempdir()}: can't be written: File too large; repeats are sorted there: set TMPDIR "
        "to a folder with more room"
    )
