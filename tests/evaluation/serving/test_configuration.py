"""The configuration is what vLLM reads, and each unusual line has its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from calibset.core.errors import RecipeError
from calibset.evaluation.serving.card_memory import GIB
from calibset.evaluation.serving.configuration import Serving, choose_length, write_configuration
from calibset.evaluation.serving.served_model import ServedModel, inspect_served_model
from calibset.quantizers.autoround.options import Quantization
from tests.evaluation.serving.folders import GPTQ, SMALL, write_folder

_LENGTHS = {"max-num-batched-tokens": 2048, "max-num-seqs": 32, "max-logprobs": 20}


def settings(serving: Serving) -> dict[str, Any]:
    read = yaml.safe_load(write_configuration(serving))
    assert isinstance(read, dict)
    return read


def of_folder(path: str, **more: Any) -> Serving:
    return Serving(model=inspect_served_model(path), name="sk", seqlen=2048, **more)


def test_a_quantized_mistral_with_its_tokenizer_beside_it(tmp_path: Path) -> None:
    path = write_folder(
        tmp_path / "m",
        {**SMALL, "quantization_config": GPTQ},
        weights={"model.safetensors": GIB},
        files={"tekken.json": "{}", "params.json": "{}"},
    )
    serving = of_folder(path, tekken=True, card=8 * GIB)
    assert settings(serving) == {
        "model": path,
        "tokenizer-mode": "mistral",
        "config-format": "hf",
        "quantization": "gptq_marlin",
        "enable-auto-tool-choice": True,
        "tool-call-parser": "mistral",
        "max-model-len": 4096,
        **_LENGTHS,
        "gpu-memory-utilization": 0.87,
        "kv-cache-memory-bytes": int(4.75 * GIB),
    }
    text = write_configuration(serving)
    assert (
        "# The configuration is config.json: that is where a quantizer writes how the weights are stored, "
        "and params.json doesn't tell.\nconfig-format:" in text
    )
    assert (
        "# 8 GiB × 87 % less the weights (1 GiB), the scores of a step (0 GiB) and 1 GiB to work with; "
        "1,992,294 tokens of 2,560 bytes, 486 requests of the greatest length at once. An estimate: it goes "
        "before gpu-memory-utilization, so lower it if memory runs out.\nkv-cache-memory-bytes:" in text
    )
    assert "# !" not in text


def test_mistrals_own_weights_are_loaded_as_such(tmp_path: Path) -> None:
    files = {"tekken.json": "{}", "params.json": "{}"}
    path = write_folder(tmp_path / "m", None, weights={"consolidated.safetensors": 9}, files=files)
    read = settings(of_folder(path))
    assert [read[key] for key in ("tokenizer-mode", "config-format", "load-format")] == ["mistral"] * 3
    assert "quantization" not in read


def test_quantized_weights_are_not_taken_for_mistrals(tmp_path: Path) -> None:
    weights = {"consolidated.safetensors": 9, "model.safetensors": 9}
    config = {**SMALL, "quantization_config": GPTQ}
    path = write_folder(tmp_path / "m", config, weights=weights, files={"params.json": "{}"})
    read = settings(of_folder(path))
    assert (read["config-format"], read["load-format"]) == ("hf", "safetensors")


def test_a_missing_tokenizer_of_mistrals_is_told(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "m")
    serving = of_folder(path, tekken=True)
    assert "tokenizer-mode" not in settings(serving)
    assert (
        f'# ! The recipe counts tokens with Mistral\'s tokenizer, and "{path}" has no tekken.json: copy that '
        "of the base model beside the weights; quantizers leave it out." in write_configuration(serving)
    )


@pytest.mark.parametrize(
    ("stored", "kernel", "told"),
    [
        ({"quant_method": "awq", "bits": 4, "sym": False}, "awq_marlin", "# Stored as awq (config.json) and"),
        ({"quant_method": "gptq", "bits": 3, "sym": True}, None, "no kernel for gptq of 3 bits: it reads"),
        ({"quant_method": "gptq", "bits": 4, "sym": False}, None, "for gptq of 4 bits, asymmetric: it reads"),
        ({"quant_method": "auto-round", "bits": 4}, None, "the quantization in config.json (auto-round)"),
        (None, None, "# config.json tells of no quantization: the weights are served as they are."),
    ],
)  # fmt: skip
def test_the_kernel_follows_how_weights_are_stored(tmp_path: Path, stored, kernel, told: str) -> None:
    config = {**SMALL, "quantization_config": stored} if stored else SMALL
    serving = of_folder(write_folder(tmp_path / "m", config))
    assert settings(serving).get("quantization") == kernel
    assert told in write_configuration(serving)


@pytest.mark.parametrize(
    ("options", "kernel"),
    [
        (Quantization(), "gptq_marlin"),
        (Quantization(format="auto_awq"), "awq_marlin"),
        (Quantization(format="auto_round"), None),
        (None, None),
    ],
)
def test_before_there_is_a_folder_the_recipe_tells(options: Quantization | None, kernel: str | None) -> None:
    serving = Serving(model=ServedModel(path="out"), name="sk", seqlen=2048, tekken=True, options=options)
    read = settings(serving)
    assert read.get("quantization") == kernel
    assert (read["tokenizer-mode"], read["tool-call-parser"]) == ("mistral", "mistral")
    assert write_configuration(serving).splitlines()[2] == (
        "# No folder on this machine: what follows of the model is what the recipe makes of it; ask again "
        "then."
    )


def test_the_parser_of_tool_calls_is_that_of_the_template(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "m", files={"chat_template.jinja": "<tool_call>"})
    read = settings(of_folder(path))
    assert (read["enable-auto-tool-choice"], read["tool-call-parser"]) == (True, "hermes")
    silent = of_folder(write_folder(tmp_path / "silent", files={"chat_template.jinja": "{{ messages }}"}))
    assert "tool-call-parser" not in settings(silent)
    assert "# No tool parser: the chat template writes calls in no form" in write_configuration(silent)


def test_a_length_fits_the_model_and_the_card(tmp_path: Path) -> None:
    large = {**SMALL, "max_position_embeddings": 131_072}
    path = write_folder(tmp_path / "m", large, weights={"model.safetensors": 13 * GIB // 2})
    assert choose_length(of_folder(path)) == 32_768
    assert choose_length(of_folder(path, wanted_length=100_000)) == 100_000
    with pytest.raises(RecipeError, match=r"^--max-model-len 200000: .* has 131,072 positions$"):
        choose_length(of_folder(path, wanted_length=200_000))
    bulky = {**large, "num_hidden_layers": 200, "num_key_value_heads": 8}
    path = write_folder(tmp_path / "bulky", bulky, weights={"model.safetensors": 13 * GIB // 2})
    tight = of_folder(path, card=9 * GIB)
    assert choose_length(tight) == 1024
    assert (
        "# The longest request that the cache holds (1,310 tokens); rows of 2,048 tokens can't be measured "
        "whole, which takes one more.\nmax-model-len: 1024\n" in write_configuration(tight)
    )
    with pytest.raises(RecipeError) as refused:
        choose_length(of_folder(path, card=9 * GIB, wanted_length=2000))
    assert str(refused.value) == (
        "--max-model-len 2000: on a card of 9 GiB the cache has room for 1,310 tokens"
    )


def test_what_a_file_says_adds_no_line(tmp_path: Path) -> None:
    stored = {"quant_method": "x\ntrust-remote-code: true"}
    path = write_folder(tmp_path / 'a" b', {**SMALL, "quantization_config": stored})
    read = settings(of_folder(path))
    assert read["model"] == path
    assert "trust-remote-code" not in read
