"""What a build of the same size takes of a corpus that grows from 1 to 10 to 100.

Prints bytes, time and memory of each size as ratios to reading the smallest, for parquet shards
and for one file of JSON Lines. Wants CALIBSET_STANDIN, and 4 GB of disk for a while.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.heavy.benchmarks.growth import Corpus, Taken, grown_lines, grown_parquet, taken

SIZES = (1, 10, 100)
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare("parquet, shards of 11 MB", grown_parquet(folder, SIZES), folder)
        compare("JSON Lines, one file of times 40 MB", grown_lines(folder, SIZES), folder)


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
