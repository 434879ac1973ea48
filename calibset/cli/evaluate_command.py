"""The command on a model: evaluate."""

from __future__ import annotations

import re
from argparse import Namespace
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibset.cli.console import print_json, print_line, show_progress
from calibset.cli.measured_data import open_measured_data, read_questions
from calibset.core.errors import OutputError, RecipeError
from calibset.core.short_forms import count
from calibset.evaluation.data import DataSet
from calibset.evaluation.evaluate import Evaluation, prepare
from calibset.evaluation.figures.perplexity import Perplexity, perplexity
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.plan import make_plan
from calibset.evaluation.scorers.opening import is_server, open_scorer
from calibset.evaluation.tokenizer_check import find_tokenizer
from calibset.evaluation.windows import TEXT

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def evaluate(arguments: Namespace) -> int:
    """Measure a model on a data set and write what it says of each token."""
    if arguments.follow and (arguments.generate or arguments.calls):
        raise RecipeError("--follow: the continuations are the base's; leave out --generate and --calls")
    if arguments.out:
        _check_out(Path(arguments.out))
    questions = read_questions(arguments, calls=arguments.calls)
    data = open_measured_data(arguments)
    folder = None if is_server(arguments.target) else arguments.target
    tokenizer = find_tokenizer(data, arguments.tokenizer, folder)
    followed = Measurement.read(arguments.follow) if arguments.follow else None
    plan = make_plan(data, tokenizer, questions, followed)
    scorer = open_scorer(
        arguments.target,
        model=arguments.model,
        workers=arguments.concurrency,
        dtype=arguments.dtype,
        device=arguments.device,
        batch=arguments.batch,
    )
    out = Path(arguments.out or _name_out(scorer.describe().model, data))
    evaluation = prepare(
        scorer,
        plan,
        data=data,
        tokenizer=tokenizer,
        questions=questions,
        target=_name_target(arguments.target),
        k=arguments.top_k,
        out=out,
        followed=followed,
    )
    measurement = _run(evaluation, quiet=arguments.quiet or arguments.json)
    measurement.write(out)
    evaluation.parts.remove()
    if arguments.json:
        print_json(_summarise(measurement, out))
    elif not arguments.quiet:
        _print_summary(measurement, out)
    return 0


def _check_out(path: Path) -> None:
    if path.suffix != ".parquet":
        raise RecipeError(f"--out {path}: must end in .parquet")
    if not path.parent.is_dir():
        raise OutputError(f"--out {path}: there is no folder {path.parent}")


def _name_out(model: str, data: DataSet) -> str:
    """Return the name of a measurement's file: those of the model and the data."""
    name = "-".join((Path(model).name, Path(data.name).stem))
    return f"{_NOT_IN_NAMES.sub('-', name)}.parquet"


def _name_target(target: str) -> str:
    """Return a target as a measurement records it: a server's address, or a folder's name."""
    return target if is_server(target) else Path(target).resolve().name


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


def _perplexities(measurement: Measurement) -> dict[str, Perplexity]:
    """Return the perplexity of the text by group, if there are several, and of all of it."""
    by_group: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    for window, scores in zip(measurement.windows, measurement.scores, strict=True):
        if window.task == TEXT:
            by_group[window.group or ""].append(scores.logprobs.astype(np.float64))
    groups = sorted(by_group.items()) if len(by_group) > 1 else []
    everything = [scores for found in by_group.values() for scores in found]
    joined = ((name or "no group", np.concatenate(found)) for name, found in (*groups, ("all", everything)))
    return {name: perplexity(logprobs) for name, logprobs in joined}


def _summarise(measurement: Measurement, out: Path) -> dict[str, object]:
    return {
        "written": [str(out)],
        "measurement": measurement.about.model_dump(mode="json"),
        "windows": len(measurement.windows),
        "tokens": sum(len(window.scored) for window in measurement.windows),
        "perplexity": {name: figure._asdict() for name, figure in _perplexities(measurement).items()},
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
    for name, figure in _perplexities(measurement).items():
        print_line(f"perplexity of {name}: {figure.value:.4f} ± {figure.error:.4f}")
    print_line(f"wrote {out}")
