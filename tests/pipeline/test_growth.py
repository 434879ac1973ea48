"""What a build reads and holds, counted, as recipes and corpora grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.heavy.benchmarks.growth import (
    footer_bytes,
    grown_corpora,
    grown_pools,
    grown_small_files,
    grown_sources,
    measured,
)

MB = 10**6

pytestmark = pytest.mark.slow


def test_a_larger_corpus_is_read_no_further(tmp_path: Path) -> None:
    (_, small), (_, large) = grown_corpora(tmp_path, (1, 8))
    shard = tmp_path / "large.parquet"
    (read, cost), (most, most_cost) = measured(small), measured(large)
    # A fraction of the corpus, so that a build that reads on would be seen.
    assert read < shard.stat().st_size / 4
    # What a shard holds is asked of each that is looked into.
    footer = footer_bytes(shard)
    assert most - 8 * footer < 1.5 * (read - footer)
    assert most_cost.peak < 1.4 * cost.peak


def test_bytes_grow_no_faster_than_rows(tmp_path: Path) -> None:
    ((_, few),) = grown_corpora(tmp_path, (1,))
    ((_, many),) = grown_corpora(tmp_path, (1,), nsamples=1_024)
    (read, cost), (most, most_cost) = measured(few), measured(many)
    assert read < most < 32 * read
    assert most_cost.peak < 2 * cost.peak


def test_a_hundred_parquet_sources_stay_within_bounds(tmp_path: Path) -> None:
    ((_, recipe),) = grown_sources(tmp_path, (100,))
    read, cost = measured(recipe)
    assert read < 2_000 * MB
    assert cost.peak < 1_200 * MB


@pytest.mark.parametrize("sources", [10, 100])
def test_sources_of_small_files_stay_within_bounds(tmp_path: Path, sources: int) -> None:
    ((_, recipe),) = grown_small_files(tmp_path, (sources,))
    read, cost = measured(recipe)
    assert read < 2_000 * MB
    assert cost.peak < 1_200 * MB


def test_candidates_take_memory_by_their_ids(tmp_path: Path) -> None:
    (_, one), (_, many) = grown_pools(tmp_path, (1, 16))
    (_, cost), (_, most_cost) = measured(one), measured(many)
    # 960 rows more. Each took 180 kB when its ids were Python's numbers.
    assert most_cost.peak - cost.peak < 960 * 100_000
