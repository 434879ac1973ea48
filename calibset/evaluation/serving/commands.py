"""The commands that measure a served model: its load, and what its quantization cost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from calibset.evaluation.serving.configuration import AT_ONCE, Serving, choose_length

_ONE_AT_A_TIME = 20
_TOGETHER = 640
_PROMPT = 512
_ANSWER = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What the commands name.

    Attributes:
        url: Where the server listens.
        base: The model that was quantized: its folder, or the address of a server; None if it isn't known.
        holdout: The data that it is measured on; None if the recipe holds nothing out.
        tokenizer: The tokenizer for data that names none.
    """

    url: str
    base: str | None
    holdout: str | None
    tokenizer: str


def write_commands(serving: Serving, measuring: Measuring) -> str:
    """Return the commands, for a shell, with what they do as comments."""
    return "\n".join((*_load(serving, measuring), "", *_evaluate(measuring))) + "\n"


def _load(serving: Serving, measuring: Measuring) -> Iterator[str]:
    answer = min(_ANSWER, choose_length(serving) // 2)
    prompt = min(_PROMPT, choose_length(serving) // 4)
    yield (
        f"# Throughput by vLLM's own load tool: prompts of {prompt:,} random tokens, and answers of exactly "
        f"{answer:,};"
    )
    yield f"# one at a time, and {AT_ONCE}."
    for number, at_once in ((_ONE_AT_A_TIME, 1), (_TOGETHER, AT_ONCE)):
        words = ["vllm", "bench", "serve", "--model", serving.model.path, "--base-url", measuring.url]
        if serving.mistrals_tokenizer:
            words += ["--tokenizer-mode", "mistral"]
        words += ["--dataset-name", "random", "--random-input-len", str(prompt)]
        words += ["--random-output-len", str(answer), "--ignore-eos"]
        words += ["--num-prompts", str(number), "--max-concurrency", str(at_once)]
        words += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--save-result", "--save-detailed"]
        yield shlex.join([*words, "--result-filename", f"load-{at_once}.json"])


def _evaluate(measuring: Measuring) -> Iterator[str]:
    base = measuring.base
    if base is None:
        base = "BASE"
        yield "# BASE is the model that was quantized: its folder, or a server's address (--base names it)."
    yield "# What quantization cost: the base is measured first, then the served model on the same words."
    evaluations = []
    for data, name in ((measuring.holdout, "holdout"), ("wikitext-2", "wikitext")):
        if data is None:
            yield "# The recipe holds nothing out (its table [holdout]), so there is no data of its own kind."
            continue
        told = ["--data", data]
        if name == "wikitext":
            told += ["--tokenizer", measuring.tokenizer]
        writes = [] if name == "wikitext" else ["--generate", "128:128", "--generate", "512:128"]
        first, second = f"base-{name}.parquet", f"served-{name}.parquet"
        yield shlex.join(["calibset", "evaluate", base, *told, *writes, "--out", first])
        follow = ["--follow", first] if writes else []
        yield shlex.join(["calibset", "evaluate", measuring.url, *told, *follow, "--out", second])
        yield shlex.join(["calibset", "compare", first, second, "--json"]) + f" > {name}.json"
        evaluations += ["--evaluation", f"{name}.json"]
    yield ""
    yield "# The benchmark sections of the model's card."
    loads = ["--throughput", "load-1.json", "--throughput", f"load-{AT_ONCE}.json"]
    yield shlex.join(["calibset", "card", "--model", *evaluations, *loads]) + " > benchmarks.md"
