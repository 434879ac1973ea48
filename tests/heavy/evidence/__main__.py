"""The evidence: calibration sets × seeds × bits, measured on documents that no set holds.

    python -m tests.heavy.evidence sets FOLDER --model MODEL        make the sets and the holdout
    python -m tests.heavy.evidence run FOLDER --model MODEL         quantize with each, compare with the model
    python -m tests.heavy.evidence tell FOLDER --model MODEL --out docs/evidence  write tables and plots

Each step goes on where it was interrupted. `--small` proves the chain on a CPU; its figures say nothing.
The corpora are those of recipes/slovak_insurance.toml; CALIBSET_HUB and CALIBSET_STANDIN name a folder of
them and what serves it, otherwise the hub itself is read.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.heavy.evidence.settings import FULL, SMALL, Run, Setting


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.heavy.evidence", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("sets", "run", "tell"))
    parser.add_argument("folder", type=Path, help="where the sets, quantizations' figures and logs are kept")
    parser.add_argument("--model", type=Path, required=True, help="the model's folder")
    parser.add_argument("--small", action="store_true", help="a small setting that proves the chain")
    parser.add_argument("--workers", type=int, default=1, help="quantizations side by side on each card")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin none after so many minutes")
    parser.add_argument("--only", nargs="*", help="only the sets of these names")
    parser.add_argument(
        "--again", action="store_true", help="a second run of the same, kept beside the first"
    )
    parser.add_argument("--out", type=Path, help="where to write the tables and plots")
    given = parser.parse_args()
    setting = SMALL if given.small else FULL
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.step == "tell":
        from tests.heavy.evidence.telling import tell

        if given.out is None:
            parser.error("--out is missing")
        tell(setting, given.folder, given.model, given.out)
    elif given.step == "sets":
        write_sets(setting, given.folder, given.model, given.only)
    else:
        from tests.heavy.evidence.running import run_all

        run_all(
            setting,
            given.folder,
            given.model,
            workers=given.workers,
            minutes=given.minutes,
            only=given.only,
            again=given.again,
        )


def write_sets(setting: Setting, folder: Path, model: Path, only: list[str] | None) -> None:
    """Write each set and the holdout that is not there yet."""
    with served_corpora(folder) as mirrors:
        from tests.heavy.evidence.sets import HOLDOUT, Corpora

        corpora = Corpora(Path(os.environ.get("CALIBSET_HUB", ".")), mirrors, model.resolve())
        if not (folder / HOLDOUT).exists():
            corpora.write_holdout(setting, folder)
        for spec in setting.sets:
            if spec.made_by is None or (only and spec.name not in only):
                continue
            for seed in spec.seeds:
                path = folder / Run(spec.name, seed, spec.bits[0]).file
                if not path.exists():
                    print(path.name, flush=True)
                    corpora.write_set(spec, seed, path)


@contextmanager
def served_corpora(folder: Path) -> Iterator[tuple[str, ...]]:
    """Serve the corpora that CALIBSET_HUB names, and yield the mirrors of those on other servers."""
    if "CALIBSET_HUB" not in os.environ:
        yield ()
        return
    command = [sys.executable, os.environ["CALIBSET_STANDIN"], "--root", os.environ["CALIBSET_HUB"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        from tests.heavy.hub import Hub

        hub = Hub(process.stdout.readline().strip(), folder / "hf-home")
        os.environ |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(hub.home), "CALIBSET_CACHE": str(hub.home)}
        try:
            yield tuple(word for word in hub.mirrors if word != "--mirror")
        finally:
            process.terminate()


main()
