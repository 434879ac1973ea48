"""AutoRound's own parser takes the printed command line, and the printed Python code quantizes."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from calibset.quantizers.autoround.command import quantize_command
from calibset.quantizers.autoround.model_files import inspect_model
from calibset.quantizers.autoround.options import Quantization
from calibset.quantizers.autoround.run import QuantizationRun, TokenizerLocation
from calibset.quantizers.autoround.versions import choose_version, read_supported_names
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.autoround.material import mixed_rows

pytest.importorskip("auto_round")

SEQLEN = 64
ROWS = 8
BEFORE_0_16 = choose_version().release < (0, 16)
# What AutoRound, transformers and torch say to each other.
pytestmark = pytest.mark.filterwarnings("ignore")


def own_parser() -> argparse.ArgumentParser:
    if BEFORE_0_16:
        from auto_round.__main__ import BasicArgumentParser

        return BasicArgumentParser()
    from auto_round.cli.parser import build_quantize_parser

    return build_quantize_parser()


def plain_run(model: str, file: str, **changed: Any) -> QuantizationRun:
    plain: dict[str, Any] = {
        "model": inspect_model(model), "file": file, "nsamples": ROWS, "seqlen": SEQLEN,
        "tokenizer": TokenizerLocation(path="tokenizer"), "version": choose_version(),
    }  # fmt: skip
    return QuantizationRun(**{**plain, **changed})


def words_of(run: QuantizationRun) -> list[str]:
    """Return what a shell makes of the command line."""
    script = 'auto-round() { printf "%s\\0" "$@"; }\n' + quantize_command(run).command
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {},
            {"scheme": "W4A16", "bits": 4, "group_size": 128, "asym": False, "iters": 1000, "nsamples": 512,
             "seqlen": 2048, "batch_size": 4, "low_gpu_mem_usage": True, "format": "auto_gptq",
             "device_map": "0", "disable_trust_remote_code": True, "output_dir": "quantized"},
        ),
        (
            {"scheme": "W8A16", "group_size": -1, "sym": False, "iters": 0, "low_gpu_mem_usage": False,
             "format": "auto_round", "device": "0,1", "trust_remote_code": True, "output": "my models/out",
             "gradient_accumulate_steps": 2},
            {"scheme": "W8A16", "bits": None, "group_size": -1, "asym": True, "iters": 0,
             "low_gpu_mem_usage": False, "format": "auto_round", "device_map": "0,1",
             "disable_trust_remote_code": False, "output_dir": "my models/out",
             "gradient_accumulate_steps": 2},
        ),
        ({"torch_compile": True}, {"enable_torch_compile": True}),
        ({"output": "eval"}, {"output_dir": "./eval"}),
        ({"output": "-x"}, {"output_dir": "./-x"}),
    ],
)  # fmt: skip
def test_its_parser_takes_the_command_line(table: dict[str, Any], expected: dict[str, Any]) -> None:
    run = plain_run("org/small model", "x.jsonl", nsamples=512, seqlen=2048, options=Quantization(**table))
    taken = vars(own_parser().parse_args(words_of(run)))
    assert {name: taken[name] for name in expected} == expected
    assert (taken["model"], taken["model_name"]) == (None, "org/small model")
    assert taken["dataset"] == ("x.jsonl:num=512" if BEFORE_0_16 else "x.jsonl")


def test_compiling_can_be_forbidden() -> None:
    run = plain_run("org/x", "x.jsonl", options=Quantization(torch_compile=False))
    taken = own_parser().parse_args(words_of(run))
    assert taken.enable_torch_compile is False


def test_the_formats_and_schemes_are_its_own() -> None:
    from calibset.quantizers.autoround import option_pitfalls

    own = read_supported_names(choose_version())
    assert own is not None
    for kind, names in own.items():
        new = frozenset() if BEFORE_0_16 else option_pitfalls._SINCE_0_16[kind]
        listed = {name for name in names if kind == "format" or not name.startswith("GGUF:")}
        assert option_pitfalls._COMMON[kind] | new == listed


def test_the_names_of_paths_are_its_own() -> None:
    from auto_round.special_model_handler import MISTRAL_3_2_MODELS

    from calibset.quantizers.autoround import model_files

    assert list(model_files.MISTRAL_NAMES) == MISTRAL_3_2_MODELS


def small_model(folder: Path) -> None:
    """Write a multimodal model of Mistral's form, with random weights."""
    import torch
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, MistralConfig

    torch.manual_seed(0)
    text = MistralConfig(
        vocab_size=131072, hidden_size=128, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, head_dim=64, max_position_embeddings=256,
    )  # fmt: skip
    vision = {
        "model_type": "pixtral", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14, "head_dim": 32,
    }  # fmt: skip
    Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=vision)).save_pretrained(
        folder
    )


def rows(path: Path, tekken: TekkenTokenizer) -> None:
    long = (row.text for row in mixed_rows(400, tekken, SEQLEN) if row.text.isprintable())
    kept = [text for text in long if len(tekken.encode(text.rstrip(), parse_special=True)) > SEQLEN + 8]
    lines = [json.dumps({"text": text}) + "\n" for text in kept[:ROWS]]
    assert len(lines) == ROWS
    path.write_text("".join(lines))


@pytest.mark.parametrize("exact", [False, True], ids=["text", "ids"])
def test_the_python_code_quantizes_a_model_that_the_command_line_can_not(
    tekken: TekkenTokenizer, tokenizer_folder: Path, tmp_path: Path, exact: bool
) -> None:
    import pyarrow
    from pyarrow import parquet

    model, ids = tmp_path / "Mistral-Small-3.2-small", tmp_path / "x.parquet"
    small_model(model)
    rows(tmp_path / "x.jsonl", tekken)
    parquet.write_table(pyarrow.table({"input_ids": [list(range(1000, 1000 + SEQLEN))] * ROWS}), ids)
    run = plain_run(
        str(model),
        "x.jsonl",
        tokenizer=TokenizerLocation(path=str(tokenizer_folder)),
        options=Quantization(iters=1, device="cpu", torch_compile=False),
        ids=str(ids) if exact else None,
    )
    assert words_of(run) == []
    script = tmp_path / "quantize.py"
    script.write_text(quantize_command(run).python)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environment, check=True, timeout=300)
    (config,) = (tmp_path / "quantized").rglob("config.json")
    written = json.loads(config.read_text())["quantization_config"]
    expected = {"bits": 4, "group_size": 128, "sym": True, "quant_method": "gptq"}
    assert {name: written[name] for name in expected} == expected
