"""The flagship with all hygiene, coverage and a holdout beside it with nothing of the kind, in one run.

Prints processor time, time and memory as ratios, of builds in turn, the least of some rounds; then what each
step took in the last one. Wants CALIBSET_HUB and CALIBSET_STANDIN.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tests.heavy.benchmarks.rounds import best_of_rounds
from tests.heavy.hub import Hub, serve_hub
from tests.heavy.measured_process import Cost, Ran

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


def main() -> None:
    corpora = Path(os.environ["CALIBSET_HUB"])
    with tempfile.TemporaryDirectory() as name, serve_hub(corpora, Path(name) / "home") as hub:
        compare(hub, Path(name) / "built.jsonl", corpora)


def compare(hub: Hub, out: Path, corpora: Path) -> None:
    summaries: dict[str, Any] = {}

    def build(name: str) -> tuple[Ran, Cost]:
        overrides = (word for override in BUILDS[name] for word in ("--set", override))
        ran, cost = hub.measured(*hub.to_build(out, "--json", "--quiet", *overrides, data=corpora))
        summaries[name] = ran.data if not ran.code else None
        return ran, cost

    costs = best_of_rounds({name: lambda name=name: build(name) for name in BUILDS})  # type: ignore[misc]
    least = costs["nothing of it"]
    for name, cost in costs.items():
        documents = sum(source["documents_read"] for source in summaries[name]["sources"])
        print(
            f"{name:<20} {cost.against(least)}, {cost.seconds / least.seconds:.2f} x the time, "
            f"{documents:,} documents let in",
            flush=True,
        )
    for name in list(BUILDS)[1:]:
        steps = summaries[name]["seconds"]
        shown = ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
        print(f"{name}: {sum(steps.values()):.1f} s: {shown}", flush=True)


if __name__ == "__main__":
    main()
