"""Builds of random tokenizers, texts and recipes, which end with rows that hold or with a `CalibsetError`.

``python -m tests.heavy.fuzz.fuzz --builds 1000`` goes on where it was stopped; ``--seed N`` tries one again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import calibset
from tests.heavy.fuzz.cases import Case, draw_case
from tests.heavy.fuzz.row_check import find_faults


@dataclass(frozen=True)
class Outcome:
    """How a build ended.

    Attributes:
        seed: The seed of the case.
        kind: ``built``, ``refused``, or ``failed`` where it should have ended otherwise.
        words: The refusal or the failure.
        tokenizer: The kind of its tokenizer.
    """

    seed: int
    kind: str
    words: str
    tokenizer: str


def run_case(seed: int, folder: Path) -> Outcome:
    """Build a case in a folder, check its rows, and verify, export and report what was built."""
    case = draw_case(seed, folder)
    out = folder / "out.jsonl"
    try:
        _build(case, out)
    except calibset.CalibsetError as error:
        return Outcome(seed, "refused", f"{type(error).__name__}: {error}", case.tokenizer)
    except Exception:  # noqa: BLE001  (what is looked for)
        return Outcome(seed, "failed", traceback.format_exc(), case.tokenizer)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return Outcome(seed, "failed", traceback.format_exc(), case.tokenizer)
    faults = list(_find_faults(case, out))
    return Outcome(seed, "failed" if faults else "built", "\n".join(faults), case.tokenizer)


def _build(case: Case, out: Path) -> None:
    recipe = calibset.load_recipe(case.folder / "recipe.toml", given=["mine"])
    built = calibset.build(recipe, sources={"mine": case.rows}, progress=lambda *_: None)
    built.write(out)
    report = calibset.verify(out)
    if report.verdict != "usable" and case.recipe["quantizer"] not in ("llama.cpp", "autoawq", "exllamav2"):
        raise AssertionError(f"verify says {report.verdict}: {report}")
    calibset.export(out, quantizer=case.recipe["quantizer"], out=None)
    calibset.report_html(out)


def _find_faults(case: Case, out: Path) -> list[str]:
    recipe = case.recipe
    return list(
        find_faults(
            out, case.folder / "model", quantizer=recipe["quantizer"], nsamples=recipe["nsamples"],
            seqlen=recipe["seqlen"],
        )
    )  # fmt: skip


_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d,.]*|/\S+")


def shorten(words: str) -> str:
    """Return what refusals of one kind have in common."""
    return _VARIABLE.sub("…", words.splitlines()[0])[:140]


def main(arguments: list[str] | None = None) -> int:
    """Try the cases that were not tried before, and print what became of all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--builds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="try this case alone")
    parser.add_argument("--state", type=Path, default=Path(".fuzz.jsonl"), help="what was tried before")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        outcome = run_case(given.seed, folder)
        print(f"{folder}\n{outcome.tokenizer}\n{outcome.kind}: {outcome.words}")
        return int(outcome.kind == "failed")
    outcomes = _read(given.state)
    began = time.monotonic()
    with given.state.open("a", encoding="utf-8") as state:
        for seed in range(given.builds):
            if seed in outcomes:
                continue
            folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
            try:
                outcomes[seed] = run_case(seed, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(json.dumps(asdict(outcomes[seed])), file=state, flush=True)
            if outcomes[seed].kind == "failed":
                print(f"seed {seed} failed ({outcomes[seed].tokenizer}):\n{outcomes[seed].words}", flush=True)
    return _summarise([outcome for seed, outcome in outcomes.items() if seed < given.builds], began)


def _read(state: Path) -> dict[int, Outcome]:
    if not state.is_file():
        return {}
    read = (Outcome(**json.loads(line)) for line in state.read_text("utf-8").splitlines())
    return {outcome.seed: outcome for outcome in read}


def _summarise(outcomes: list[Outcome], began: float) -> int:
    kinds = Counter(outcome.kind for outcome in outcomes)
    print(f"{dict(kinds)} in {time.monotonic() - began:.0f} s, {os.times().user:.0f} s of processor time")
    refusals = Counter(shorten(outcome.words) for outcome in outcomes if outcome.kind == "refused")
    for words, count in refusals.most_common():
        print(f"{count:5} {words}")
    failed = [outcome.seed for outcome in outcomes if outcome.kind == "failed"]
    print(f"failed: {failed}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
