"""Models in folders against their base in one pass: nothing is stored, and no token is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibset.core.errors import RecipeError
from calibset.core.progress import Progress
from calibset.evaluation.comparing import Compared, Named, Scored, compute_comparison, label_runs
from calibset.evaluation.data import DataSet
from calibset.evaluation.figures.divergence import Divergence, LikelyTokens
from calibset.evaluation.measuring import continue_prompts, describe_measurement, make_batches
from calibset.evaluation.plan import Plan, Questions
from calibset.evaluation.positions import SHOWN, PairScores, Positions
from calibset.evaluation.scorers.local import Dtype, LocalScorer
from calibset.evaluation.scorers.local_pair import WindowPair, compare_windows, require_one_vocabulary
from calibset.evaluation.tokenizer_check import check_tokenizer
from calibset.evaluation.windows import Window
from calibset.tokenizers import Tokenizer


def compare_folders(  # noqa: PLR0913  (each of them is recorded)
    base: Named[Path],
    others: Sequence[Named[Path]],
    *,
    data: DataSet,
    plan: Plan,
    questions: Questions,
    tokenizer: Tokenizer,
    progress: Progress,
    dtype: Dtype = "auto",
    device: str | None = None,
    batch: int | None = None,
) -> Compared:
    """Compare the models in folders with their base over the whole vocabulary.

    Args:
        base: The base's folder.
        others: The others' folders; of several with one name, each is a run of one recipe with another seed.
        data: What they are measured on.
        plan: The windows of it, and prompts that the base continues.
        questions: What the plan was made for.
        tokenizer: The tokenizer of all.
        progress: Is told how many windows are done.
        dtype: What the models compute in.
        device: What they run on.
        batch: How many windows they are given at once.

    Raises:
        CalibsetError: A model can't be loaded or run, has another tokenizer or vocabulary, or too short a
            context.
    """
    first, *rest = scorers = [
        LocalScorer.open(one.content, dtype=dtype, device=device, batch=batch) for one in (base, *others)
    ]
    checks = []
    for scorer in scorers:
        checks.append(check_tokenizer(scorer, tokenizer, data))
        require_one_vocabulary(first, scorer)
        if scorer.info.context is not None and plan.longest > scorer.info.context:
            raise RecipeError(
                f"{scorer.info.model} takes {scorer.info.context:,} tokens, and a window has "
                f"{plan.longest:,}: measure with a smaller --ctx"
            )
    windows, pairs = _run(first, rest, plan, progress)
    by_task: dict[str, list[int]] = defaultdict(list)
    for number, window in enumerate(windows):
        by_task[window.task].append(number)
    abouts = [
        describe_measurement(
            scorer.info,
            target=one.content.resolve().name,
            check=check,
            data=data,
            tokenizer=tokenizer,
            questions=questions,
            plan=plan,
            k=SHOWN,
        )
        for one, scorer, check in zip((base, *others), scorers, checks, strict=True)
    ]
    scored = [
        Scored(
            one.name,
            label,
            about,
            {task: _join([found[i] for i in rows]) for task, rows in by_task.items()},
        )
        for one, label, about, found in zip(
            others, label_runs([one.name for one in others]), abouts[1:], pairs, strict=True
        )
    ]
    positions = {task: Positions.of([windows[i] for i in rows]) for task, rows in by_task.items()}
    return compute_comparison(base.name, abouts[0], positions, scored, k=None, notes=data.notes)


def _run(
    base: LocalScorer, others: Sequence[LocalScorer], plan: Plan, progress: Progress
) -> tuple[list[Window], list[list[WindowPair]]]:
    """Return the windows, what the base wrote among them, and by model what was found of each."""
    windows: list[Window] = []
    pairs: list[list[WindowPair]] = [[] for _ in others]
    for items in make_batches(plan.items, base.batch):
        batch = continue_prompts(base, items)
        for kept, found in zip(pairs, compare_windows(base, others, batch, SHOWN), strict=True):
            kept.extend(found)
        windows += batch
        progress(base.info.model, len(windows), len(plan.items))
    return windows, pairs


def _join(pairs: Sequence[WindowPair]) -> PairScores:
    values = np.concatenate([pair.divergence for pair in pairs])
    return PairScores(
        _join_tokens([pair.base for pair in pairs]),
        _join_tokens([pair.other for pair in pairs]),
        Divergence(values, np.ones(len(values))),
        "exact",
    )


def _join_tokens(tokens: Sequence[LikelyTokens]) -> LikelyTokens:
    return LikelyTokens(*(np.concatenate(parts) for parts in zip(*tokens, strict=True)))
