"""The interface of what gives a model's log probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from calibset.evaluation.measurement import WindowScores
from calibset.evaluation.windows import Ids, Window

Engine = Literal["vllm", "sglang", "transformers"]


class ScorerInfo(BaseModel):
    """What computes the log probabilities.

    Attributes:
        engine: The program.
        model: The model as the program calls it.
        versions: The versions of the program and of what it builds on, as far as they are known.
        dtype: The type of the numbers that the model computes in, if known.
        device: What the model runs on, if known.
        vocabulary: How many ids the model tells apart, if known.
        context: The most tokens that the model is given at once, if known.
        tokenizer_sha256: The fingerprint of the tokenizer beside the model, if it can be read.
        weights_sha256: What tells its weights from others: the SHA-256 of samples of its files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Engine
    model: str
    versions: Mapping[str, str] = {}
    dtype: str | None = None
    device: str | None = None
    vocabulary: int | None = None
    context: int | None = None
    tokenizer_sha256: str | None = None
    weights_sha256: str | None = None


class Scorer(Protocol):
    """Gives the log probabilities of one model."""

    @property
    def workers(self) -> int:
        """How many threads may ask it at once."""
        ...

    @property
    def batch(self) -> int:
        """How many windows it should be given at once."""
        ...

    def describe(self) -> ScorerInfo:
        """Return what computes the log probabilities."""
        ...

    def score(self, windows: Sequence[Window], k: int) -> Sequence[WindowScores]:
        """Return the scores of each window's scored tokens, with the `k` likeliest tokens at each."""
        ...

    def continue_greedily(self, prompt: Ids, length: int) -> Ids:
        """Return the tokens that the model writes after a prompt, the likeliest each time.

        They are fewer than ``length`` if the model ends its turn before; what ends it is among them.
        """
        ...

    def encode(self, text: str) -> list[int] | None:
        """Return the ids that the model's own tokenizer makes of a text; None if it can't be asked."""
        ...

    def close(self) -> None:
        """Make sure, at the end, that the model is still the one that was asked at first."""
        ...
