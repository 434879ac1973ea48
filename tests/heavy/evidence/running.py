"""Quantizations side by side, and what each costs against the model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.heavy.evidence.sets import HOLDOUT
from tests.heavy.evidence.settings import Run, SetSpec, Setting
from tests.heavy.hub import FLAGSHIP

WIKITEXT = "wikitext-2"
FIGURES = "figures"
AGAIN = "figures-again"
"""The folders of what a run measured, and of a second one."""


@dataclass(frozen=True)
class Work:
    """What is done, where, and until when.

    Attributes:
        setting: How large it is.
        folder: The sets; quantized models and logs are kept in it.
        figures: Where comparisons are written.
        model: The model's folder.
        cards: The cards that are free; each runs several quantizations at once.
        until: When the last one may begin, by `time.monotonic`.
    """

    setting: Setting
    folder: Path
    figures: Path
    model: Path
    cards: SimpleQueue[str]
    until: float

    def measure_set(self, spec: SetSpec, bits: int, quantized: list[Future[Path | None]]) -> None:
        """Compare the models of a set's seeds with the model, once all are quantized."""
        folders = [made for one in quantized if (made := one.result())]
        if len(folders) < len(quantized):
            return
        for data, words in (
            (HOLDOUT, (str(self.folder / HOLDOUT),)),
            (WIKITEXT, (WIKITEXT, "--windows", str(self.setting.wikitext))),
        ):
            out = self.figures / f"{spec.name}-w{bits}.{data.removesuffix('.jsonl')}.json"
            if out.exists():
                continue
            command = (
                *_calibset("compare", str(self.model), *(f"{spec.name}={folder}" for folder in folders)),
                "--data", *words, "--ctx", str(self.setting.context), "--tokenizer", str(self.model),
                "--dtype", "float32", "--offline", "--json",
            )  # fmt: skip
            if (ran := self._run(command, f"{spec.name}-w{bits}-{data}")) is not None:
                json.loads(ran)
                out.write_text(ran, "utf-8")
                print(out.name, flush=True)

    def quantize(self, run: Run) -> Path | None:
        """Run AutoRound by the Python code of `quantize-command`; None if there is no time or it failed."""
        target = self.figures / "models" / run.label
        done = target / "done"
        if not done.exists():
            if time.monotonic() > self.until:
                return None
            started = time.monotonic()
            code = self._code(run, target)
            if code is None or self._run((sys.executable, "-c", code), run.label) is None:
                return None
            done.write_text(f"{time.monotonic() - started:.0f} s\n")
            print(run.label, done.read_text().strip(), flush=True)
        return next(path.parent for path in sorted(target.rglob("config.json")))

    def _code(self, run: Run, target: Path) -> str | None:
        """Return the Python code that quantizes the model with a run's set."""
        spec = self.setting.spec(run.name)
        file = run.file if spec.made_by else "recipe-s42.jsonl"
        changes = (
            f"tokenizer={json.dumps(str(self.model))}", f"nsamples={spec.nsamples}", f"seqlen={spec.seqlen}",
            f"quantization.iters={self.setting.iters}", f"quantization.bits={run.bits}",
            f"quantization.scheme=W{run.bits}A16", f"quantization.group_size={self.setting.group_size}",
            f"quantization.batch_size={self.setting.batch_size}", "quantization.format=fake",
            "quantization.low_gpu_mem_usage=false", f"quantization.output={json.dumps(str(target))}",
        )  # fmt: skip
        sets = [word for change in changes for word in ("--set", change)]
        command = _calibset(
            "quantize-command", str(FLAGSHIP), "--model", str(self.model), "--file", str(self.folder / file),
            "--only", "python", *sets,
        )  # fmt: skip
        code = self._run(command, f"{run.label}-code")
        if code is not None and spec.made_by is None:
            # To the nearest alone: with iters=0 AutoRound still looks at the rows, unless it is told not to.
            code = re.sub(r"iters=\d+,", "iters=0, disable_opt_rtn=True,", code)
        return code

    def _run(self, command: tuple[str, ...], name: str) -> str | None:
        """Run a command on a free card and return what it prints; what it says otherwise is logged."""
        card = self.cards.get()
        env = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": card,
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "0",
        }
        try:
            with (self.figures / "logs" / f"{name}.log").open("w") as log:
                ran = subprocess.run(
                    command, stdout=subprocess.PIPE, stderr=log, text=True, env=env, check=False
                )
        finally:
            self.cards.put(card)
        if ran.returncode:
            print(f"{name}: exit code {ran.returncode}, see its log", flush=True)
            return None
        return ran.stdout


def run_all(
    setting: Setting,
    folder: Path,
    model: Path,
    *,
    workers: int,
    minutes: float,
    only: list[str] | None,
    again: bool,
) -> None:
    """Quantize with each set and compare the models of its seeds with the model."""
    figures = (folder / (AGAIN if again else FIGURES)).resolve()
    for name in ("models", "logs"):
        (figures / name).mkdir(parents=True, exist_ok=True)
    cards: SimpleQueue[str] = SimpleQueue()
    ids = list(_cards())
    for _ in range(workers):
        for card in ids:
            cards.put(card)
    work = Work(setting, folder.resolve(), figures, model.resolve(), cards, time.monotonic() + minutes * 60)
    # A measuring thread waits for its quantizations, so that it needs one of its own.
    with (
        ThreadPoolExecutor(workers * len(ids)) as quantizing,
        ThreadPoolExecutor(len(setting.sets) * 2) as rest,
    ):
        measured = [
            rest.submit(
                work.measure_set,
                spec,
                bits,
                [quantizing.submit(work.quantize, Run(spec.name, seed, bits)) for seed in spec.seeds],
            )
            for spec in setting.sets
            if not only or spec.name in only
            for bits in spec.bits
        ]
    # Whatever went wrong in a thread is raised here.
    for one in measured:
        one.result()


def _calibset(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "calibset", *words)


def _cards() -> Iterator[str]:
    """Yield the cards' numbers; an empty one stands for the CPU."""
    import torch

    if not torch.cuda.is_available():
        yield ""
    yield from map(str, range(torch.cuda.device_count()))
