"""What a build takes of a corpus that grows from 1 to 10 to 100, of as many sources, and of a larger pool.

Prints bytes, time and memory of each size as ratios to the smallest: of parquet shards and of one file
of JSON Lines, which need CALIBSET_STANDIN; and bytes and memory of sources and candidates, which need
nothing (`growth` as the only argument prints these alone). Wants 4 GB of disk for a while.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.heavy.benchmarks.growth import (
    Corpus,
    Taken,
    grown_lines,
    grown_parquet,
    grown_pools,
    grown_sources,
    measured,
    taken,
)

SIZES = (1, 10, 100)
POOLS = (1, 4, 16, 64)
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show_growth("parquet sources, 500 rows", grown_sources(folder, SIZES))
        show_growth("times as many candidates, 64 rows", grown_pools(folder, POOLS))
        if sys.argv[1:] == ["growth"]:
            return
        compare("parquet, shards of 11 MB", grown_parquet(folder, SIZES), folder)
        compare("JSON Lines, one file of times 40 MB", grown_lines(folder, SIZES), folder)


def show_growth(what: str, recipes: Iterable[tuple[int, Path]]) -> None:
    print(f"{what}: rows of 2,048 tokens, against the smallest")
    first: tuple[int, int] | None = None
    for size, recipe in recipes:
        read, peak = measured(recipe)
        first = first or (read, peak)
        print(
            f"{size:>5} x: {read / first[0]:5.2f} x the bytes read ({read / 1e6:.1f} MB), "
            f"{peak / first[1]:5.2f} x the memory ({peak / 1e6:.0f} MB)",
            flush=True,
        )


def compare(what: str, corpora: Iterable[Corpus], folder: Path) -> None:
    print(f"{what}: 100 samples of 2,048 tokens, cold cache, against the smallest")
    first: Taken | None = None
    for corpus in corpora:
        found = taken(corpus, os.environ["CALIBSET_STANDIN"], folder, rounds=ROUNDS)
        first = first or found
        print(
            f"{corpus.parts:>5} x: {found.data / first.data:5.2f} x the data "
            f"({found.data / 1e6:.1f} MB, and {found.footers / 1e6:.1f} MB for footers), "
            f"{found.seconds / first.seconds:5.2f} x the time ({found.seconds:.1f} s), "
            f"{found.peak / first.peak:5.2f} x the memory ({found.peak / 1e6:.0f} MB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
