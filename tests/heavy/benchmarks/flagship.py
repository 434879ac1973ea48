"""The flagship build beside scripts that read the same files, in turn and in one run.

Prints processor time and memory as ratios to the floor script, the rows that AutoRound's rules keep, the
share of the file's tokens that reach the quantizer, and how many tokens calibset encodes for each emitted.
Wants CALIBSET_HUB and CALIBSET_STANDIN.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from calibset import LoadReport, verify
from tests.heavy.benchmarks.rounds import best_of_rounds
from tests.heavy.hub import Hub, serve_hub
from tests.heavy.measured_process import Cost, Ran, run_measured

NSAMPLES, SEQLEN = 512, 2048
SCRIPTS = ("floor", "plain", "datasets")
COUNTED = Path(__file__).with_name("counted_build.py")


def main() -> None:
    corpora = Path(os.environ["CALIBSET_HUB"])
    with tempfile.TemporaryDirectory() as name, serve_hub(corpora, Path(name) / "home") as hub:
        folder = Path(name)
        files = {way: folder / f"{way}.jsonl" for way in (*SCRIPTS, "calibset")}
        ways: dict[str, Callable[[], tuple[Ran, Cost]]] = {
            script: lambda script=script: run_script(script, corpora, files[script])  # type: ignore[misc]
            for script in SCRIPTS
        }
        ways["calibset"] = lambda: hub.measured(*hub.to_build(files["calibset"], data=corpora))
        costs = best_of_rounds(ways)
        for way, cost in costs.items():
            report(way, files[way], cost, costs["floor"])
        print(
            f"calibset encodes {encoded_for_each(hub, files['calibset']):.2f} tokens for each that it emits"
        )


def run_script(name: str, corpora: Path, out: Path) -> tuple[Ran, Cost]:
    return run_measured("-m", f"tests.heavy.benchmarks.{name}_script", corpora, out)


def report(name: str, file: Path, cost: Cost, floor: Cost) -> None:
    replay = verify(file, tokenizer="mistral-small-3.2", seqlen=SEQLEN, nsamples=NSAMPLES)
    print(
        f"{name:<9} {cost.against(floor)}; {replay.kept} of {len(replay.rows)} rows kept, "
        f"{reaching(replay):.1%} of the tokens reach the quantizer",
        flush=True,
    )


def reaching(replay: LoadReport) -> float:
    """Return which part of all tokens in the file the quantizer reads."""
    total = sum(row.tokens for row in replay.rows)
    return sum(row.tokens - row.cut for row in replay.rows if row.kept) / total


def encoded_for_each(hub: Hub, out: Path) -> float:
    """Return how many tokens the tokenizer's engine encodes for each token of the file."""
    words = hub.to_build(out, data=Path(os.environ["CALIBSET_HUB"]))
    ran, _ = run_measured(COUNTED, *words, env=hub.environment)
    found = re.search(r"^(\d+) tokens encoded$", ran.out, re.MULTILINE)
    if ran.code or found is None:
        raise SystemExit(ran.err)
    return int(found[1]) / (NSAMPLES * SEQLEN)


if __name__ == "__main__":
    main()
