"""The command on a model: evaluate."""

from __future__ import annotations

import re
from argparse import Namespace
from collections import Counter
from pathlib import Path

from calibset.cli.console import print_json, print_line, show_progress
from calibset.core.short_forms import count
from calibset.evaluation.evaluate import open_evaluation, require_parquet
from calibset.evaluation.measurement import Measurement, MeasurementInfo
from calibset.evaluation.measuring import Evaluation
from calibset.evaluation.plan import Questions

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def evaluate(arguments: Namespace) -> int:
    """Measure a model on a data set and write what it says of each token."""
    out = require_parquet(Path(arguments.out)) if arguments.out is not None else None
    evaluation = open_evaluation(
        arguments.target,
        arguments.data,
        Questions.of(
            arguments.ctx,
            arguments.score,
            arguments.windows,
            generate=arguments.generate,
            calls=arguments.calls,
            prompts=arguments.prompts,
        ),
        top_k=arguments.top_k,
        tokenizer=arguments.tokenizer,
        follow=arguments.follow,
        model=arguments.model,
        concurrency=arguments.concurrency,
        dtype=arguments.dtype or "auto",
        device=arguments.device,
        batch=arguments.batch,
        offline=arguments.offline,
    )
    for note in evaluation.notes:
        print_line(f"note: {note}", stderr=True)
    out = out or Path(_name_out(evaluation.about))
    evaluation = evaluation.beside(out)
    measurement = _run(evaluation, quiet=arguments.quiet or arguments.json)
    measurement.write(out)
    evaluation.parts.remove()
    if arguments.json:
        print_json(_summarise(measurement, out))
    elif not arguments.quiet:
        _print_summary(measurement, out)
    return 0


def _name_out(about: MeasurementInfo) -> str:
    """Return the name of a measurement's file: those of the model and the data."""
    name = "-".join((Path(about.model).name, Path(about.data).stem))
    return f"{_NOT_IN_NAMES.sub('-', name)}.parquet"


def _run(evaluation: Evaluation, *, quiet: bool) -> Measurement:
    asked = len(evaluation.plan.items)
    if before := len(evaluation.parts.done):
        print_line(f"note: {before:,} of {count(asked, 'window')} are measured already", stderr=True)
    try:
        with show_progress(quiet=quiet, unit="windows") as progress:
            return evaluation.run(progress)
    except BaseException:
        if done := len(evaluation.parts.done):
            kept = f"{done:,} of {count(asked, 'window')} are kept in {evaluation.parts.folder}"
            print_line(f"note: {kept}; the same command goes on from there", stderr=True)
        raise


def _summarise(measurement: Measurement, out: Path) -> dict[str, object]:
    return {
        "written": [str(out)],
        "measurement": measurement.about.model_dump(mode="json"),
        "windows": len(measurement.windows),
        "tokens": sum(len(window.scored) for window in measurement.windows),
        "perplexity": {name: figure._asdict() for name, figure in measurement.perplexities().items()},
    }


def _print_summary(measurement: Measurement, out: Path) -> None:
    about = measurement.about
    tasks = Counter(window.task for window in measurement.windows)
    scored = Counter[str]()
    for window in measurement.windows:
        scored[window.task] += len(window.scored)
    print_line(f"{about.model} on {about.data}: {about.joined}")
    print_line(f"tokenizer {about.tokenizer}: {about.tokenizer_check}")
    for task, windows in tasks.items():
        print_line(f"{task}: {count(windows, 'window')}, {scored[task]:,} tokens scored")
    for reason, number in about.dropped.items():
        print_line(f"left out: {number:,} {reason}")
    for name, figure in measurement.perplexities().items():
        print_line(f"perplexity of {name}: {figure.value:.4f} ± {figure.error:.4f}")
    print_line(f"wrote {out}")
