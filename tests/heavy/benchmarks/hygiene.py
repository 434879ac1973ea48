"""The flagship with all hygiene, coverage and a holdout beside it with nothing of the kind, in one run.

Prints time and processor time as ratios, of builds in turn, medians of some rounds; then what each
step took in the last one. Wants CALIBSET_HUB and CALIBSET_STANDIN.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.heavy.hub import Hub

ROUNDS = 3

OFF = (
    "exclude=[]",
    "hygiene.duplicates=keep",
    "hygiene.repairs=[]",
    "sources.fineweb2-sk.hygiene={}",
    "sources.skwiki.hygiene={}",
)
ON = (
    "selection.method=coverage",
    "selection.letters=áäčďéíĺľňóôŕšťúýž",
    "selection.terms_of=actuarial-ontology",
    "holdout.nsamples=64",
)
BUILDS = {
    "nothing of it": OFF,
    "the recipe as it is": (),
    "everything": ON,
    "masked everywhere": (*ON, "hygiene.pii=mask"),
}


class Cost(NamedTuple):
    """Seconds that a build took, on the clock and on processors."""

    clock: float
    processor: float


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, os.environ["CALIBSET_STANDIN"], "--root", os.environ["CALIBSET_HUB"]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            hub = Hub(process.stdout.readline().strip(), folder / "hf-home")
            try:
                compare(hub, folder / "built.jsonl")
            finally:
                process.terminate()


def compare(hub: Hub, out: Path) -> None:
    summaries: dict[str, Any] = {}
    costs: dict[str, list[Cost]] = {name: [] for name in BUILDS}
    # The first round fills the cache, and is left out.
    for number in range(ROUNDS + 1):
        for name, overrides in BUILDS.items():
            cost, summaries[name] = build(hub, out, overrides)
            if number:
                costs[name].append(cost)
    medians = {name: Cost(*map(median, zip(*own, strict=True))) for name, own in costs.items()}
    least = medians["nothing of it"]
    for name, cost in medians.items():
        documents = sum(source["documents_read"] for source in summaries[name]["sources"])
        print(
            f"{name:<20} {cost.clock / least.clock:5.2f} x the time ({cost.clock:.1f} s), "
            f"{cost.processor / least.processor:.2f} x the processor time ({cost.processor:.1f} s), "
            f"{documents:,} documents let in"
        )
    for name in list(BUILDS)[1:]:
        steps = summaries[name]["seconds"]
        shown = ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
        print(f"{name}: {sum(steps.values()):.1f} s: {shown}")


def build(hub: Hub, out: Path, overrides: tuple[str, ...]) -> tuple[Cost, Any]:
    """Build in a fresh process; return what that took, and its summary."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = (word for override in overrides for word in ("--set", override))
    ran = hub.build(out, "--json", "--quiet", *words, data=Path(os.environ["CALIBSET_HUB"]))
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.code:
        raise SystemExit(ran.err)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(clock, processor), ran.data


if __name__ == "__main__":
    main()
