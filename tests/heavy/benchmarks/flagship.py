"""The flagship build beside the plain 7,000-character script, over the same files in one run.

Prints time and memory as ratios, the rows that AutoRound's rules keep, and the share of the
file's tokens that reach the quantizer. Wants CALIBSET_HUB and CALIBSET_STANDIN.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from calibset import LoadReport, verify
from tests.heavy.hub import Hub

ROUNDS = 3
NSAMPLES, SEQLEN = 512, 2048
PLAIN = Path(__file__).with_name("plain_script.py")


def main() -> None:
    corpora = Path(os.environ["CALIBSET_HUB"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, ours = folder / "plain.jsonl", folder / "ours.jsonl"
        command = [sys.executable, os.environ["CALIBSET_STANDIN"], "--root", str(corpora)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            hub = Hub(process.stdout.readline().strip(), folder / "hf-home")
            try:
                plain_seconds = timed(lambda: run_plain(corpora, plain))
                ours_seconds = timed(lambda: run_ours(hub, corpora, ours))
            finally:
                process.terminate()
        report("plain script", plain, plain_seconds, plain_seconds)
        report("calibset", ours, ours_seconds, plain_seconds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"largest process of both: {peak:.2f} GB at its peak")


def run_plain(corpora: Path, out: Path) -> None:
    subprocess.run([sys.executable, str(PLAIN), str(corpora), str(out)], check=True)


def run_ours(hub: Hub, corpora: Path, out: Path) -> None:
    ran = hub.build(out, data=corpora)
    if ran.code:
        raise SystemExit(ran.err)


def timed(call: Callable[[], None]) -> float:
    """Return the median of some rounds, in seconds; the first, with cold caches, is left out."""
    call()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def report(name: str, file: Path, seconds: float, peer: float) -> None:
    replay = verify(file, tokenizer="mistral-small-3.2", seqlen=SEQLEN, nsamples=NSAMPLES)
    print(
        f"{name:<13} {seconds / peer:5.1f} x the plain script's time ({seconds:.1f} s), "
        f"{replay.kept} of {len(replay.rows)} rows kept, "
        f"{reaching(replay):.1%} of the tokens reach the quantizer"
    )


def reaching(replay: LoadReport) -> float:
    """Return which part of all tokens in the file the quantizer reads."""
    total = sum(row.tokens for row in replay.rows)
    return sum(row.tokens - row.cut for row in replay.rows if row.kept) / total


if __name__ == "__main__":
    main()
