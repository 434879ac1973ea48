"""Results of ``vllm bench serve --save-result``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibset.core.errors import OutputError
from calibset.core.fields import Count, PositiveCount
from calibset.core.text import printable
from calibset.core.validation_errors import describe_error

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# The file of a long run holds each request's times; more is no result.
_LARGEST = 256 << 20


class LoadResult(BaseModel):
    """A run of the load tool, as far as a card tells of it; keys that are not named here are left out.

    Attributes:
        model_id: The model as it was asked for.
        date: When the run was, ``YYYYMMDD-HHMMSS``.
        num_prompts: How many requests were to be sent.
        max_concurrency: How many were open at once at most; None without a limit.
        request_rate: How many were sent a second; ``inf`` for as fast as the limit allows.
        completed: How many succeeded.
        duration: How long the run took, in seconds.
        total_input_tokens: The tokens of all prompts.
        total_output_tokens: The tokens that were written.
        request_throughput: Requests a second.
        output_throughput: Tokens written a second.
        total_token_throughput: Tokens read and written a second.
        latencies: How long each request took, in seconds; empty in files of older versions.
        mean_e2el_ms: The mean time of a request, in milliseconds.
        p99_e2el_ms: The 99th percentile.
        median_ttft_ms: The median time to the first token.
        p99_ttft_ms: The 99th percentile.
        median_tpot_ms: The median time between tokens after the first.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_id: str
    date: str | None = None
    num_prompts: PositiveCount
    max_concurrency: PositiveCount | None = None
    request_rate: _Amount | str = "inf"
    completed: Count
    duration: _Amount
    total_input_tokens: Count
    total_output_tokens: Count
    request_throughput: _Amount
    output_throughput: _Amount
    total_token_throughput: _Amount
    latencies: tuple[_Amount, ...] = ()
    mean_e2el_ms: _Amount | None = None
    p99_e2el_ms: _Amount | None = None
    median_ttft_ms: _Amount | None = None
    p99_ttft_ms: _Amount | None = None
    median_tpot_ms: _Amount | None = None

    @property
    def latency_range(self) -> tuple[float, float] | None:
        """The shortest and the longest time of a request, if each of them is known and none failed."""
        if len(self.latencies) != self.completed or self.completed < self.num_prompts:
            return None
        return min(self.latencies), max(self.latencies)


def read_load_results(paths: Sequence[Path]) -> list[LoadResult]:
    """Return the runs in files of the load tool, the fewest requests at a time first.

    Raises:
        OutputError: A file can't be read, or is no result of ``vllm bench serve``.
    """
    results = [result for path in paths for result in _read_file(path)]
    return sorted(results, key=lambda result: (result.model_id, result.max_concurrency or 1 << 60))


def _read_file(path: Path) -> list[LoadResult]:
    try:
        if path.stat().st_size > _LARGEST:
            raise OutputError(f"{path}: is too large for a result of `vllm bench serve`")
        text = path.read_text("utf-8")
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unfit(path, "it is not text") from error
    try:
        # --append-result writes one run a line.
        values: list[Any] = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        values = [_load(path, text)]
    if not values:
        raise _unfit(path, "it is empty")
    return [_validate(path, value) for value in values]


def _load(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unfit(path, "it is not JSON") from error


def _validate(path: Path, value: Any) -> LoadResult:
    if not isinstance(value, dict):
        raise _unfit(path, "it is no table of a run's figures")
    try:
        return LoadResult.model_validate(value)
    except ValidationError as error:
        raise _unfit(path, describe_error(error.errors(include_url=False)[0], (), LoadResult)) from error


def _unfit(path: Path, fault: str) -> OutputError:
    return OutputError(f"{path}: is not what `vllm bench serve --save-result` writes: {printable(fault)}")
