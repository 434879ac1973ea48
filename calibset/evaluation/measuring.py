"""Measures one model on one data set: windows are scored, prompts continued, and what is found is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import groupby, islice
from pathlib import Path

from calibset.core.errors import RecipeError
from calibset.core.progress import Progress
from calibset.evaluation.data import DataSet
from calibset.evaluation.measurement import Measurement, MeasurementInfo
from calibset.evaluation.parts import Parts, Scored
from calibset.evaluation.plan import Plan, Prompt, Questions
from calibset.evaluation.scorers.base import Scorer, ScorerInfo
from calibset.evaluation.tokenizer_check import check_tokenizer
from calibset.evaluation.windows import Window
from calibset.tokenizers import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A measurement that is about to be made.

    Attributes:
        scorer: What gives the log probabilities.
        plan: What it is asked.
        about: What the measurement will say of itself.
        parts: What is measured so far.
        notes: What users should know of the data.
    """

    scorer: Scorer
    plan: Plan
    about: MeasurementInfo
    parts: Parts
    notes: tuple[str, ...] = ()

    def beside(self, out: Path) -> Evaluation:
        """Return it with parts beside the file that will be written, those of an earlier run among them.

        Raises:
            OutputError: Parts of another measurement are in the way, or can't be read.
        """
        key = hashlib.sha256((self.about.model_dump_json() + self.plan.sha256).encode()).hexdigest()
        return replace(self, parts=Parts.open(out, key, self.about.k))

    def run(self, progress: Progress) -> Measurement:
        """Measure what is not yet measured; whatever stops this, what was measured is kept in the parts.

        Raises:
            CalibsetError: The model can't be asked, or answers something else than was asked for.
        """
        todo = [item for item in self.plan.items if item.index not in self.parts.done]
        total = len(self.plan.items)
        label = self.about.model
        progress(label, total - len(todo), total)
        try:
            for found in _run_all(self.scorer, make_batches(todo, self.scorer.batch), self.about.k):
                self.parts.add(found)
                progress(label, len(self.parts.done), total)
            self.scorer.close()
        finally:
            self.parts.flush()
        done = [self.parts.done[index] for index in range(total)]
        return Measurement(self.about, [one.window for one in done], [one.scores for one in done])


def make_batches(items: Iterable[Window | Prompt], size: int) -> Iterator[Sequence[Window | Prompt]]:
    """Yield windows of one length together, up to so many, and each prompt on its own."""
    for key, same in groupby(items, lambda item: 0 if isinstance(item, Prompt) else len(item.ids)):
        while batch := list(islice(same, size if key else 1)):
            yield batch


def continue_prompts(scorer: Scorer, batch: Sequence[Window | Prompt]) -> list[Window]:
    """Return the windows of a batch, each prompt as the window that the model makes of it."""
    return [
        item.extend(scorer.continue_greedily(item.window.ids, item.length))
        if isinstance(item, Prompt)
        else item
        for item in batch
    ]


def _run_all(scorer: Scorer, batches: Iterator[Sequence[Window | Prompt]], k: int) -> Iterator[list[Scored]]:
    """Yield what is found of each batch, as it comes; no more wait than the scorer has workers for."""
    pool = ThreadPoolExecutor(scorer.workers, thread_name_prefix="calibset-evaluate")
    running: set[Future[list[Scored]]] = set()
    faults: list[BaseException] = []
    try:
        while True:
            if not faults:
                for batch in islice(batches, 2 * scorer.workers - len(running)):
                    running.add(pool.submit(_measure, scorer, batch, k))
            if not running:
                break
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished - {one for one in finished if one.cancelled()}:
                if fault := future.exception():
                    faults.append(fault)
                    # What runs already may still end well, and is kept.
                    for other in running:
                        other.cancel()
                else:
                    yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if faults:
        raise faults[0]


def _measure(scorer: Scorer, batch: Sequence[Window | Prompt], k: int) -> list[Scored]:
    windows = continue_prompts(scorer, batch)
    return [Scored(window, one) for window, one in zip(windows, scorer.score(windows, k), strict=True)]


def prepare(  # noqa: PLR0913  (each of them is recorded)
    scorer: Scorer,
    plan: Plan,
    *,
    data: DataSet,
    tokenizer: Tokenizer,
    questions: Questions,
    target: str,
    k: int,
    followed: Measurement | None = None,
) -> Evaluation:
    """Return a measurement that is about to be made.

    Raises:
        CalibsetError: The model has another tokenizer, too short a context, or fewer than k tokens.
    """
    info = scorer.describe()
    if info.vocabulary is not None and k > info.vocabulary:
        raise RecipeError(f"--top-k {k:,}: {info.model} knows {info.vocabulary:,} tokens")
    if info.context is not None and plan.longest > info.context:
        raise RecipeError(
            f"{info.model} takes {info.context:,} tokens, and a window has {plan.longest:,}: measure with a "
            "smaller --ctx, or start the server with a larger --max-model-len"
        )
    about = describe_measurement(
        info,
        target=target,
        check=check_tokenizer(scorer, tokenizer, data),
        data=data,
        tokenizer=tokenizer,
        questions=questions,
        plan=plan,
        k=k,
        followed=followed.about.model if followed else None,
    )
    return Evaluation(scorer=scorer, plan=plan, about=about, parts=Parts.in_memory(k), notes=data.notes)


def describe_measurement(  # noqa: PLR0913  (each of them is recorded)
    info: ScorerInfo,
    *,
    target: str,
    check: str,
    data: DataSet,
    tokenizer: Tokenizer,
    questions: Questions,
    plan: Plan,
    k: int,
    followed: str | None = None,
) -> MeasurementInfo:
    """Return what a measurement says of itself."""
    return MeasurementInfo(
        calibset=version("calibset"),
        model=info.model,
        target=target,
        engine=info.engine,
        versions=info.versions,
        dtype=info.dtype,
        device=info.device,
        vocabulary=info.vocabulary,
        weights_sha256=info.weights_sha256,
        tokenizer=tokenizer.name,
        tokenizer_sha256=tokenizer.fingerprint,
        tokenizer_check=check,
        data=data.name,
        data_sha256=data.sha256,
        joined=data.joined,
        recipe=data.recipe,
        ctx=questions.ctx,
        score=questions.score,
        k=k,
        generate=tuple(f"{one.prompt}:{one.length}" for one in questions.generate),
        followed=followed,
        dropped=plan.dropped,
    )
