"""A set of one size takes the same of a corpus, however large that is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.heavy.benchmarks.growth import NSAMPLES, Corpus, Taken, grown_lines, grown_parquet, taken

NEEDED = ("text", "url", "language_score")


def test_parquet_of_1_10_and_100_shards(server: str, tmp_path: Path) -> None:
    found = measured(grown_parquet(tmp_path, (1, 10, 100)), server, tmp_path)
    assert_alike(found)
    # Of a single shard not even all rows are read, and of each row only the columns that are needed.
    (shard,) = (tmp_path / "parquet-1").rglob("*.parquet")
    assert found[1].data < needed_bytes(shard) < shard.stat().st_size / 2


def test_json_lines_of_1_and_10_times_40_mb(server: str, tmp_path: Path) -> None:
    assert_alike(measured(grown_lines(tmp_path, (1, 10)), server, tmp_path))


@pytest.fixture
def server() -> str:
    found = os.environ.get("CALIBSET_STANDIN")
    if not found:
        pytest.skip("CALIBSET_STANDIN names nothing")
    return found


def measured(corpora: Iterable[Corpus], server: str, folder: Path) -> dict[int, Taken]:
    return {corpus.parts: taken(corpus, server, folder) for corpus in corpora}


def assert_alike(found: dict[int, Taken]) -> None:
    assert all(one.rows == NSAMPLES for one in found.values())
    data = [one.data for one in found.values()]
    peaks = [one.peak for one in found.values()]
    assert max(data) <= 1.5 * min(data), found
    assert max(peaks) <= 1.3 * min(peaks), found


def needed_bytes(shard: Path) -> int:
    """Return the packed size of the columns that a build needs."""
    footer = pq.read_metadata(shard)
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in NEEDED)
