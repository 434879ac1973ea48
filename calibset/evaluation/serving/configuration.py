"""vLLM's configuration for a quantized model, each unusual line with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from calibset.core.errors import RecipeError
from calibset.core.short_forms import count
from calibset.core.text import printable_line
from calibset.evaluation.serving.card_memory import CardMemory, gib, share_memory, usable_percent
from calibset.evaluation.serving.served_model import ServedModel, StoredQuantization
from calibset.evaluation.serving.tool_parsers import find_tool_parser
from calibset.quantizers.autoround.options import Quantization

KNOWN_VERSION = "0.32"
"""The version of vLLM whose options were looked up."""

AT_ONCE = 32
"""The most requests that run at once, in the load tests too."""

BATCHED_TOKENS = 2048
"""How many tokens a step of the model reads."""

_LONGEST = 32_768
_TOP_K = 20
_MARLIN_BITS = (4, 8)
# AutoRound's formats, as what config.json will call them.
_METHODS = {"auto_gptq": "gptq", "auto_awq": "awq", "auto_round": "auto-round"}
_MARLIN = {"gptq": "gptq_marlin", "awq": "awq_marlin"}


class Setting(NamedTuple):
    """A line of the configuration; without a key it is a reason for what is not there.

    Attributes:
        reason: Why; empty for what needs none.
        key: The option of `vllm serve`, without its dashes.
        value: Its value.
    """

    reason: str
    key: str = ""
    value: str | int | float | bool = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Everything that the configuration depends on.

    Attributes:
        model: The model that is served.
        name: The recipe's name.
        seqlen: The tokens of the recipe's rows.
        tekken: Whether the recipe's tokenizer is Mistral's own.
        options: How the recipe has the model quantized; None if another quantizer than AutoRound does it.
        card: The card's memory in bytes, if it is named.
        wanted_length: The longest request that was asked for.
    """

    model: ServedModel
    name: str
    seqlen: int
    tekken: bool = False
    options: Quantization | None = None
    card: int | None = None
    wanted_length: int | None = None

    @property
    def memory(self) -> CardMemory | None:
        """How the card's memory is used, if it is named and the model's files tell.

        Raises:
            RecipeError: The card is too small.
        """
        return None if self.card is None else share_memory(self.model, self.card, BATCHED_TOKENS)

    @property
    def mistrals_tokenizer(self) -> bool:
        """Whether mistral-common reads the text."""
        return self.model.has_tekken or (self.tekken and not self.model.is_folder)


def write_configuration(serving: Serving) -> str:
    """Return the configuration as YAML.

    Raises:
        RecipeError: The card is too small, or the length too large.
    """
    lines = [
        f"# vLLM's configuration for a model that was calibrated with {serving.name} (options of vLLM "
        f"{KNOWN_VERSION})",
        "# vllm serve --config FILE.yaml",
    ]
    for setting in _settings(serving):
        if setting.reason:
            lines.append(f"# {printable_line(setting.reason)}.")
        if setting.key:
            lines.append(f"{setting.key}: {json.dumps(setting.value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def choose_length(serving: Serving) -> int:
    """Return the most tokens of a request, with its answer.

    Raises:
        RecipeError: More are asked for than the model or the card takes.
    """
    most, memory = serving.model.max_positions, serving.memory
    wanted = serving.wanted_length
    if wanted is not None:
        if most is not None and wanted > most:
            raise RecipeError(f"--max-model-len {wanted}: {serving.model.path} has {most:,} positions")
        if memory is not None and wanted > memory.tokens:
            raise RecipeError(
                f"--max-model-len {wanted}: on a card of {gib(memory.card)} the cache has room for "
                f"{count(memory.tokens, 'token')}"
            )
        return wanted
    length = min(_LONGEST, most or _LONGEST)
    if memory is not None and memory.tokens < length:
        return memory.tokens // 1024 * 1024 or memory.tokens
    return length


def _settings(serving: Serving) -> Iterator[Setting]:
    yield Setting(_about_model(serving), "model", serving.model.path)
    yield from _formats(serving)
    yield from _quantization(serving)
    yield from _tools(serving)
    yield from _lengths(serving)
    yield from _memory(serving)


def _about_model(serving: Serving) -> str:
    if serving.model.is_folder:
        return ""
    return (
        "No folder on this machine: what follows of the model is what the recipe makes of it; ask again then"
    )


def _formats(serving: Serving) -> Iterator[Setting]:
    model = serving.model
    if serving.mistrals_tokenizer:
        where = "tekken.json is beside the weights" if model.has_tekken else "the recipe's is Tekken"
        yield Setting(
            f"Mistral's tokenizer: {where}, and vLLM looks for it by itself only where weights are named "
            "consolidated*.safetensors",
            "tokenizer-mode",
            "mistral",
        )
    if serving.tekken and not model.has_tekken:
        missing = "has no tekken.json" if model.is_folder else "needs tekken.json"
        yield Setting(
            f"! The recipe counts tokens with Mistral's tokenizer, and {json.dumps(model.path)} {missing}: "
            "copy that of the base model beside the weights; quantizers leave it out"
        )
    if model.is_mistrals:
        yield Setting("Configuration and weights are in Mistral's form", "config-format", "mistral")
        yield Setting("", "load-format", "mistral")
    elif model.has_config and (model.has_params or model.has_consolidated or serving.mistrals_tokenizer):
        yield Setting(
            "The configuration is config.json: that is where a quantizer writes how the weights are stored, "
            "and params.json doesn't tell",
            "config-format",
            "hf",
        )
        if model.has_consolidated:
            yield Setting(
                "Not consolidated*.safetensors, which vLLM would prefer", "load-format", "safetensors"
            )


def _quantization(serving: Serving) -> Iterator[Setting]:
    stored = serving.model.quantization or _planned(serving)
    where = "config.json" if serving.model.quantization else "the recipe"
    if stored is None:
        if serving.model.is_folder:
            yield Setting("config.json tells of no quantization: the weights are served as they are")
        return
    kernel = _MARLIN.get(stored.method)
    if kernel is None:
        yield Setting(
            f"vLLM finds the quantization in config.json ({stored.method}) and chooses the kernels itself"
        )
        return
    if stored.bits not in (None, *_MARLIN_BITS) or (stored.method == "gptq" and stored.sym is False):
        sym = "" if stored.sym is not False else ", asymmetric"
        yield Setting(
            f"! vLLM {KNOWN_VERSION} has no kernel for {stored.method} of {stored.bits} bits{sym}: it reads "
            "gptq of 4 or 8 bits, symmetric, and awq of 4 or 8"
        )
        return
    yield Setting(
        f"Stored as {stored.method} ({where}) and computed by the Marlin kernels; vLLM then refuses weights "
        "of another kind",
        "quantization",
        kernel,
    )


def _planned(serving: Serving) -> StoredQuantization | None:
    """Return how the recipe has a model quantized that isn't there yet."""
    options = serving.options
    if serving.model.is_folder or options is None:
        return None
    method = _METHODS.get(options.format, options.format)
    bits = None if options.is_left_to_scheme("bits") else options.bits
    return StoredQuantization(method=method, bits=bits, sym=options.sym)


def _tools(serving: Serving) -> Iterator[Setting]:
    found = find_tool_parser(serving.model.template)
    if serving.mistrals_tokenizer:
        found = ("mistral", "[TOOL_CALLS]")
    if found is None:
        yield Setting(
            "No tool parser: the chat template writes calls in no form that is known here"
            if serving.model.template
            else "No tool parser: the model has no chat template that tells one"
        )
        return
    parser, mark = found
    yield Setting(
        f"Without both of these a call ({mark}) is answered as text", "enable-auto-tool-choice", value=True
    )
    yield Setting("", "tool-call-parser", parser)


def _lengths(serving: Serving) -> Iterator[Setting]:
    length, most, memory = choose_length(serving), serving.model.max_positions, serving.memory
    if serving.wanted_length is not None:
        reason = "As asked for"
    elif memory is not None and length <= memory.tokens < min(_LONGEST, most or _LONGEST):
        reason = f"The longest request that the cache holds ({count(memory.tokens, 'token')})"
    elif most == length:
        reason = "All the positions that the model has"
    else:
        has = "" if most is None else f" of the model's {most:,} positions"
        reason = f"Enough for most work{has}; the longer it is, the fewer requests are sure of room at once"
    short = length <= serving.seqlen
    note = (
        f"; rows of {serving.seqlen:,} tokens can't be measured whole, which takes one more" if short else ""
    )
    yield Setting(f"{reason}{note}", "max-model-len", length)
    yield Setting(
        "A step's tokens. Prompt log probabilities, which `calibset evaluate` asks for, take the scores of "
        "the whole vocabulary for each of them, and vLLM keeps no memory back for that",
        "max-num-batched-tokens",
        BATCHED_TOKENS,
    )
    yield Setting("As many requests at once as the load test sends", "max-num-seqs", AT_ONCE)
    yield Setting("What `calibset evaluate` asks for unless --top-k is given", "max-logprobs", _TOP_K)


def _memory(serving: Serving) -> Iterator[Setting]:
    memory, model = serving.memory, serving.model
    if serving.card is None:
        yield Setting("Name the card's memory (--card-memory 24GiB) for gpu-memory-utilization and the cache")
        return
    percent = usable_percent(serving.card)
    yield Setting(
        f"All of the card's {gib(serving.card)} but what the driver and CUDA need",
        "gpu-memory-utilization",
        percent / 100,
    )
    if memory is None or model.bytes_per_token is None:
        what = "the folder isn't there" if not model.is_folder else "its files don't tell"
        yield Setting(
            f"No size for the cache: what weights, keys and values take is not known ({what}); vLLM takes "
            "what is left, and scores of prompts may then not fit"
        )
        return
    whole = memory.tokens // choose_length(serving)
    yield Setting(
        f"{gib(memory.card)} × {percent} % less the weights ({gib(memory.weights)}), the scores of a step "
        f"({gib(memory.scores)}) and 1 GiB to work with; {count(memory.tokens, 'token')} of "
        f"{model.bytes_per_token:,} bytes, {count(whole, 'request')} of the greatest length at once. An "
        "estimate: it goes before gpu-memory-utilization, so lower it if memory runs out",
        "kv-cache-memory-bytes",
        memory.cache,
    )
