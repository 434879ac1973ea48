"""What a build takes of more sources, candidates, evaluation data and corpora.

Prints bytes, processor time and memory of each size as ratios to the smallest. What is read from a server
needs CALIBSET_STANDIN and is left out without it. Wants 4 GB of disk for a while.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.heavy.benchmarks.growth import (
    Corpus,
    Taken,
    grown_evaluations,
    grown_lines,
    grown_parquet,
    grown_pools,
    grown_small_files,
    grown_sources,
    measured,
    taken,
)
from tests.heavy.measured_process import Cost

SIZES = (1, 10, 100)
POOLS = (1, 4, 16, 64)
ROUNDS = 3

Recipes = Callable[[Path, tuple[int, ...]], Iterator[tuple[int, Path]]]


def main() -> None:
    show_growth("parquet sources, 500 rows", grown_sources, SIZES)
    show_growth("sources of small files, 500 rows", grown_small_files, SIZES)
    show_growth("times as many candidates, 64 rows", grown_pools, POOLS)
    show_growth("MB of an evaluation set, 64 rows", grown_evaluations, SIZES, again=True)
    if "CALIBSET_STANDIN" not in os.environ:
        print("corpora on a server are left out: CALIBSET_STANDIN names no stand-in of the hub")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare("parquet, shards of 11 MB", grown_parquet(folder, SIZES), folder)
        compare("JSON Lines, one file of times 40 MB", grown_lines(folder, SIZES), folder)


def show_growth(what: str, recipes: Recipes, sizes: tuple[int, ...], *, again: bool = False) -> None:
    """Print what builds of growing recipes take.

    Args:
        what: What grows.
        recipes: Makes the recipes in a folder.
        sizes: How far it grows.
        again: Whether each is built twice, the second time with what the first left in the cache.
    """
    print(f"{what}: rows of 2,048 tokens, against the smallest")
    first: tuple[int, Cost] | None = None
    with tempfile.TemporaryDirectory() as name:
        for size, recipe in recipes(Path(name), sizes):
            found = measured(recipe)
            first = first or found
            print(tell(f"{size:,} x", found, first), flush=True)
            if again:
                print(tell("again", measured(recipe), first), flush=True)


def tell(name: str, found: tuple[int, Cost], first: tuple[int, Cost]) -> str:
    (read, cost), (least, least_cost) = found, first
    return (
        f"{name:>7}: {read / least:5.2f} x the bytes read ({read / 1e6:.1f} MB), {cost.against(least_cost)}"
    )


def compare(what: str, corpora: Iterable[Corpus], folder: Path) -> None:
    print(f"{what}: 100 samples of 2,048 tokens, cold cache, against the smallest")
    first: Taken | None = None
    for corpus in corpora:
        found = taken(corpus, os.environ["CALIBSET_STANDIN"], folder, rounds=ROUNDS)
        first = first or found
        print(
            f"{corpus.parts:>5,} x: {found.data / first.data:5.2f} x the data "
            f"({found.data / 1e6:.1f} MB, and {found.footers / 1e6:.1f} MB for footers), "
            f"{found.processor / first.processor:5.2f} x the processor time ({found.processor:.1f} s), "
            f"{found.peak / first.peak:5.2f} x the memory ({found.peak / 1e6:.0f} MB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
