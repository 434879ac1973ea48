"""Rows chosen by coverage beside rows chosen at random, from the flagship recipe's pool.

Prints what each holds, how near that is to what the quotas allow, what kind of text is chosen,
and what it costs. Wants CALIBSET_HUB and CALIBSET_STANDIN.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tests.heavy.hub import FLAGSHIP, Hub

if TYPE_CHECKING:
    from calibset import Sample
    from calibset.selection.coverage import Candidate

T = TypeVar("T")
Pool = tuple[list["Candidate"], list[str], dict[str, int]]

FACTOR = 4
SEEDS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, os.environ["CALIBSET_STANDIN"], "--root", os.environ["CALIBSET_HUB"]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                candidates = pool(Hub(process.stdout.readline().strip(), Path(name)))
            finally:
                process.terminate()
    report(*candidates)


def pool(hub: Hub) -> Pool:
    """Return the flagship's candidates, their texts, and the quotas after shortages are made up."""
    # Both are read when the hub's client is first imported.
    os.environ.update(HF_ENDPOINT=hub.address, HF_HOME=str(hub.home), HF_HUB_DISABLE_XET="1")
    from calibset import load_recipe, load_tokenizer
    from calibset.core.shortage import Shortage
    from calibset.pipeline.cost_estimates import count_wanted_rows
    from calibset.pipeline.evaluation_sets import index_evaluation_sets
    from calibset.pipeline.readers import open_readers, open_storage
    from calibset.pipeline.source_stream import open_source_stream
    from calibset.selection.coverage import Candidate
    from calibset.tokenizers.truncation import visible_ids

    recipe = load_recipe(FLAGSHIP)
    storage = open_storage(recipe, os.environ["CALIBSET_HUB"], hub.mirrors[1::2])
    tokenizer = load_tokenizer(recipe.tokenizer)
    readers = open_readers(recipe, storage)
    indexes, _ = index_evaluation_sets(recipe, readers)
    wanted = count_wanted_rows(recipe)
    streams = {
        name: open_source_stream(name, recipe, readers[name], tokenizer, indexes, rows=wanted[name])
        for name in recipe.sources
    }
    quotas = recipe.mixture.quotas()
    counts = {
        name: min(quotas[name], count(stream.take(FACTOR * quotas[name]))) for name, stream in streams.items()
    }
    further = recipe.mixture.next_quotas(
        counts, [name for name, stream in streams.items() if stream.exhausted]
    )
    if isinstance(further, Shortage):
        raise SystemExit(str(further))
    for name, wanted in further.items():
        count(streams[name].take(FACTOR * wanted))
        counts[name] += wanted
    samples: list[Sample] = [sample for stream in streams.values() for sample in stream.samples]
    candidates = [
        Candidate(token_ids=visible_ids(sample.token_ids, tokenizer, recipe.seqlen), group=sample.source)
        for sample in samples
    ]
    return candidates, [sample.text for sample in samples], counts


def count(samples: Iterable[object]) -> int:
    return sum(1 for _ in samples)


def report(candidates: list[Candidate], texts: list[str], quotas: dict[str, int]) -> None:
    from calibset.selection.coverage import select_by_coverage
    from calibset.selection.coverage_report import choose_at_random, report_coverage

    chosen, seconds = timed(lambda: select_by_coverage(candidates, quotas))
    covered, seconds_of_report = timed(lambda: report_coverage(candidates, chosen, quotas))
    drawn = [choose_at_random(candidates, quotas, seed=seed) for seed in range(SEEDS)]
    print(f"{sum(quotas.values())} of {len(candidates)} candidates")
    print(
        f"distinct tokens: random {covered.random_mean:,.0f} (sd {covered.random_sd:.0f}), coverage "
        f"{covered.distinct_tokens:,}, at most {covered.attainable:,} under the quotas, "
        f"pool {covered.pool_tokens:,}"
    )
    print(
        f"closed of the gap: {covered.closed or 0:.1%} to the pool, "
        f"{covered.closed_of_attainable or 0:.1%} to what the quotas allow"
    )
    for rows in (2, 3, 5):
        at_random_mean = fmean(shared(candidates, choice, rows) for choice in drawn)
        print(
            f"tokens in {rows} rows or more: random {at_random_mean:,.0f}, "
            f"coverage {shared(candidates, chosen, rows):,}"
        )
    for length in (1024, 512, 256, 128, 64):
        print(f"pieces of {length} tokens in place of rows: {of_pieces(candidates, quotas, length)}")
    print("source: rows of candidates, then what of the text is no letter, digit or space")
    for name, quota in quotas.items():
        own = [i for i, candidate in enumerate(candidates) if candidate.group == name]
        kept = [i for i in chosen if candidates[i].group == name]
        print(
            f"{name:<22} {quota:>4} of {len(own):>4}   pool {marks(texts, own):5.1%}   "
            f"coverage {marks(texts, kept):5.1%}"
        )
    print(f"{seconds:.2f} s for the choice, {seconds_of_report:.2f} s for the report")
    tracemalloc.start()
    select_by_coverage(candidates, quotas)
    print(f"{tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB for the choice, beside the candidates")
    tracemalloc.stop()


def of_pieces(candidates: Sequence[Candidate], quotas: dict[str, int], length: int) -> str:
    """Say how much of the gap to the pool pieces of rows would close, cut wherever so many tokens end."""
    from calibset.selection.coverage import Candidate, TokenSets, select_by_coverage
    from calibset.selection.coverage_report import bound_coverage, choose_at_random
    from tests.selection.pools import count_distinct_tokens

    whole = len(candidates[0].token_ids)
    mean = fmean(
        count_distinct_tokens(candidates, choose_at_random(candidates, quotas, seed=s)) for s in range(SEEDS)
    )
    pieces = [
        Candidate(token_ids=candidate.token_ids[start : start + length], group=candidate.group)
        for candidate in candidates
        for start in range(0, whole, length)
    ]
    wanted = {name: count * (whole // length) for name, count in quotas.items()}
    sets = TokenSets(pieces)
    reached = count_distinct_tokens(pieces, select_by_coverage(pieces, wanted))
    most = bound_coverage(pieces, wanted, sets)
    gap = sets.size - mean
    return f"{(reached - mean) / gap:.1%} closed, no choice closes more than {(most - mean) / gap:.1%}"


def timed(call: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def shared(candidates: Sequence[Candidate], chosen: Sequence[int], rows: int) -> int:
    """Return how many tokens stand in so many of the rows chosen."""
    ids = np.concatenate([np.unique(np.asarray(candidates[i].token_ids)) for i in chosen])
    return int(np.count_nonzero(np.unique(ids, return_counts=True)[1] >= rows))


def marks(texts: Sequence[str], rows: Sequence[int]) -> float:
    """Return which part of some texts is punctuation, markup and other marks."""
    counted = [(sum(not (c.isalnum() or c.isspace()) for c in texts[i]), len(texts[i])) for i in rows]
    return sum(count for count, _ in counted) / max(1, sum(length for _, length in counted))


if __name__ == "__main__":
    main()
