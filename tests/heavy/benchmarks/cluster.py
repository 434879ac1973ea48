"""A check of generated documents with most of hygiene: in one process, by 1, 2 and 4 workers, and over Dask.

Prints time on the clock, and the processor time that is left to the calling process, as ratios of one process
without workers in the same run: with however many workers, a check takes no less than the second. Every count
must be the same. The documents are `DOCUMENTS` unless an argument of this module says how many.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from calibset.hygiene.language import known_languages
from calibset.pipeline.check import check
from tests.prose import prose, write_recipe, write_rows

DOCUMENTS = 6_000
WORKERS = (1, 2, 4)
ROUNDS = 2
# Every language, so that all are looked for and none is left out.
LINES = (
    'hygiene = { boilerplate = true, pii = "mask", filters = ["symbols", "bullets", "repetition"], '
    f"languages = {sorted(known_languages())} }}"
)
EVALUATION = '[[exclude]]\nname = "quiz"\ntype = "jsonl"\nwhere = "quiz"\nlicence = "CC0-1.0"\n'


class Cost(NamedTuple):
    """Seconds on the clock, and of processor time of this process."""

    clock: float
    processor: float


def main(documents: int = DOCUMENTS) -> None:
    print(f"{documents:,} documents of 2,000 letters, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        path = write(Path(name), documents)
        ways: dict[str, dict[str, Any]] = {"one process": {}}
        for number in WORKERS:
            # One worker is asked for by no number: that is the process itself.
            pool = ProcessPoolExecutor(number, mp_context=get_context("spawn"))
            ways[f"processes: {number}"] = {"executor": stack.enter_context(pool), "workers": number}
        for number, executor in dask_executors(stack):
            ways[f"Dask workers: {number}"] = {"executor": executor, "workers": number}
        expected = check(path)
        # In turn, so that what else the machine does falls on all; the first round starts the processes.
        costs = [
            {way: measure(partial(check, path, **options), expected) for way, options in ways.items()}
            for _ in range(ROUNDS)
        ]
    best = {way: Cost(*map(min, zip(*(one[way] for one in costs), strict=True))) for way in ways}
    whole = best["one process"]
    for way, cost in best.items():
        print(
            f"{way:<16} {cost.clock / whole.clock:5.2f} x the time ({cost.clock:.1f} s), "
            f"{cost.processor / whole.processor:.2f} x the processor time here ({cost.processor:.1f} s)"
        )


def write(folder: Path, documents: int) -> Path:
    """Write a recipe of so many documents and 300 evaluation documents; return its path."""
    write_rows(folder / "quiz", [{"text": prose(-number, 60)} for number in range(1, 300)])
    texts = (f"{prose(number, 300)} jan{number}@posta.sk" for number in range(documents))
    path = write_recipe(folder, LINES, one=texts)
    path.write_text(path.read_text() + EVALUATION)
    return path


def dask_executors(stack: ExitStack) -> Iterator[tuple[int, Any]]:
    """Yield the executor of a cluster for each number of workers, if Dask is installed."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("Dask is not installed")
        return
    for number in WORKERS:
        cluster = LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None)
        client = stack.enter_context(Client(stack.enter_context(cluster)))
        yield number, client.get_executor()


def measure(call: Callable[[], object], expected: object) -> Cost:
    clock, processor = time.perf_counter(), time.process_time()
    if call() != expected:
        raise SystemExit("the counts differ")
    return Cost(time.perf_counter() - clock, time.process_time() - processor)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
