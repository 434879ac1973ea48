"""Small measurements with scores of a seed, for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from calibset.evaluation.measurement import Measurement, MeasurementInfo, WindowScores
from calibset.evaluation.windows import Window, cut_windows

INFO = MeasurementInfo(
    calibset="0.1.0",
    model="base",
    target="http://localhost:8000",
    engine="vllm",
    tokenizer="letters",
    tokenizer_sha256="0" * 64,
    data="text.txt",
    data_sha256="1" * 64,
    joined="the file's text as it stands",
    ctx=8,
    score="second-half",
    k=2,
)


def random_scores(
    windows: Sequence[Window], k: int, *, vocabulary: int = 16, seed: int = 0
) -> list[WindowScores]:
    """Return the scores of a model that knows nothing, of full distributions over a vocabulary."""
    random = np.random.default_rng(seed)
    return score_logits(windows, (random.normal(size=(len(one.scored), vocabulary)) for one in windows), k)


def score_logits(windows: Sequence[Window], logits: Iterable[np.ndarray], k: int) -> list[WindowScores]:
    """Return the scores of a model that gives such logits, those of a window after the other."""
    scores = []
    for window, rows in zip(windows, logits, strict=True):
        logprobs = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
        top = np.argsort(-logprobs, axis=1)[:, :k]
        scores.append(
            WindowScores(
                logprobs[np.arange(len(logprobs)), window.targets].astype(np.float32),
                top.astype(np.int32),
                np.take_along_axis(logprobs, top, axis=1).astype(np.float32),
            )
        )
    return scores


def small_measurement(**changes: object) -> Measurement:
    """Return a measurement of three windows."""
    windows = list(cut_windows(np.arange(27) % 16, 8, 1))
    about = INFO.model_copy(update=changes)
    return Measurement(about, windows, random_scores(windows, about.k))
