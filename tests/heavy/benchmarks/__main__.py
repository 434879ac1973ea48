"""The benchmarks, one after the other, as ratios to what is measured in the same run.

    python -m tests.heavy.benchmarks [--peers FOLDER] [PART ...]

Ways take turns; the least processor time of some rounds counts. A part that can't be run says why. With
CALIBSET_HUB (corpora) and CALIBSET_STANDIN (the stand-in of the hub) all of it takes most of an hour.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.heavy.benchmarks import (
    cluster,
    duplicates,
    flagship,
    hygiene,
    imports,
    peers,
    scale,
    selection,
)

_HUB, _STANDIN = "CALIBSET_HUB", "CALIBSET_STANDIN"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.heavy.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="which parts to run (all)")
    parser.add_argument("--peers", type=Path, help="where the peers have, or get, their environments")
    arguments = parser.parse_args()
    parts: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
        "imports": (imports.main, ()),
        "flagship": (flagship.main, (_HUB, _STANDIN)),
        "hygiene": (hygiene.main, (_HUB, _STANDIN)),
        "peers": (lambda: peers.main(arguments.peers), (_HUB,)),
        "workers": (cluster.main, ()),
        "growth": (scale.main, ()),
        "duplicates": (duplicates.main, (_HUB,)),
        "selection": (selection.main, (_HUB, _STANDIN)),
    }
    if unknown := set(arguments.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for name in arguments.parts or parts:
        run, needs = parts[name]
        print(f"== {name}", flush=True)
        if missing := [variable for variable in needs if variable not in os.environ]:
            print(f"left out: {' and '.join(missing)} not set")
            continue
        start = time.perf_counter()
        run()
        print(f"({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
