"""`evaluate`: a model is measured on a data set."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from calibset.core.errors import OutputError, RecipeError
from calibset.core.progress import Progress, show_progress
from calibset.evaluation.data import open_measured_data
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.measuring import Evaluation, prepare
from calibset.evaluation.plan import Questions, WholeRows, make_plan, require_count
from calibset.evaluation.scorers.local import Dtype, require_dtype, require_model_folder
from calibset.evaluation.scorers.opening import is_server, open_scorer
from calibset.evaluation.tokenizer_check import find_tokenizer

TOP_K = 20
"""How many likely tokens are kept at each: the most that vLLM gives unless it is started with more."""


def evaluate(  # noqa: PLR0913  (a program names those that it needs)
    target: str | Path,
    data_set: str | Path,
    out: str | Path | None = None,
    *,
    ctx: int = 512,
    score: WholeRows | None = None,
    windows: int | None = None,
    top_k: int = TOP_K,
    tokenizer: str | None = None,
    generate: Iterable[str] = (),
    calls: bool = False,
    prompts: int = 32,
    follow: Measurement | str | Path | None = None,
    model: str | None = None,
    concurrency: int | None = None,
    dtype: Dtype = "auto",
    device: str | None = None,
    batch: int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Measurement:
    """Measure a model on a data set, as ``calibset evaluate`` does: what it says of each token.

    Args:
        target: The address of a vLLM or SGLang server, or a model's folder, which is run here.
        data_set: A calibration file or holdout, ``wikitext-2``, a text, or rows of JSON with a text each.
        out: The parquet file to write; with one, the same call goes on where an interrupted one stopped. If
            None, nothing is written.
        ctx: How many tokens a window has; the second half of each is scored.
        score: Whole rows are measured instead: the assistant's turns in them (`assistant`), or every token
            (`all`).
        windows: Only so many windows are measured, evenly spread over the data.
        top_k: How many of the likeliest tokens are kept at each.
        tokenizer: The model's tokenizer, by name or path; by default the file's, or that of the folder.
        generate: What the model writes itself, each ``PROMPT:LENGTH``, two numbers of tokens.
        calls: Whether it writes where a conversation of the data calls a tool.
        prompts: How many prompts there are of each kind.
        follow: The base's measurement, whose continuations are measured, or its path.
        model: Which of the models that a server has.
        concurrency: How many requests run at once.
        dtype: What a model in a folder computes in.
        device: What it runs on.
        batch: How many windows it is given at once.
        offline: Whether WikiText-2 is read from the cache alone.
        progress: Called as windows are measured; if None, a bar is drawn on a terminal or in a notebook.

    Raises:
        CalibsetError: The data can't be read, the model can't be asked, has another tokenizer, or answers
            something else than was asked for.
    """
    if out is not None:
        out = require_parquet(Path(out))
    questions = Questions.of(ctx, score, windows, generate=generate, calls=calls, prompts=prompts)
    evaluation = open_evaluation(
        target,
        data_set,
        questions,
        top_k=top_k,
        tokenizer=tokenizer,
        follow=follow,
        model=model,
        concurrency=concurrency,
        dtype=dtype,
        device=device,
        batch=batch,
        offline=offline,
    )
    if out is not None:
        evaluation = evaluation.beside(out)
    with show_progress(progress, "windows") as shown:
        measurement = evaluation.run(shown)
    if out is not None:
        measurement.write(out)
        evaluation.parts.remove()
    return measurement


def open_evaluation(  # noqa: PLR0913  (those of `evaluate`)
    target: str | Path,
    data_set: str | Path,
    questions: Questions,
    *,
    top_k: int = TOP_K,
    tokenizer: str | None = None,
    follow: Measurement | str | Path | None = None,
    model: str | None = None,
    concurrency: int | None = None,
    dtype: Dtype = "auto",
    device: str | None = None,
    batch: int | None = None,
    offline: bool = False,
) -> Evaluation:
    """Return a measurement that is about to be made; the arguments are those of `evaluate`.

    Raises:
        CalibsetError: The data can't be read, the model can't be asked, or has another tokenizer.
    """
    for option, value in (("--top-k", top_k), ("--concurrency", concurrency), ("--batch", batch)):
        if value is not None:
            require_count(option, value)
    require_dtype(dtype)
    if follow is not None and (questions.generate or questions.calls):
        raise RecipeError("--follow: the continuations are the base's; leave out --generate and --calls")
    target = str(target)
    if not is_server(target):
        require_model_folder(target)
    data = open_measured_data(str(data_set), questions.score, offline=offline)
    found = find_tokenizer(data, tokenizer, None if is_server(target) else target)
    followed = Measurement.read(follow) if isinstance(follow, str | Path) else follow
    plan = make_plan(data, found, questions, followed)
    scorer = open_scorer(target, model=model, workers=concurrency, dtype=dtype, device=device, batch=batch)
    return prepare(
        scorer,
        plan,
        data=data,
        tokenizer=found,
        questions=questions,
        target=target if is_server(target) else Path(target).resolve().name,
        k=top_k,
        followed=followed,
    )


def require_parquet(path: Path) -> Path:
    """Return the path of a measurement that can be written.

    Raises:
        CalibsetError: It is no parquet file, or there is no such folder.
    """
    if path.suffix != ".parquet":
        raise RecipeError(f"--out {path}: must end in .parquet")
    if not path.parent.is_dir():
        raise OutputError(f"--out {path}: there is no folder {path.parent}")
    return path
