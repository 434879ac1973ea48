"""serve-config prints a configuration that vLLM reads, and commands that name what is there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from calibset.cli import main
from calibset.cli.parser import create_parser
from tests.evaluation.serving.folders import GPTQ, SMALL, write_folder


@pytest.fixture
def model(recipe: str) -> str:
    """A quantized model's folder in the recipe's folder, which is the working directory."""
    write_folder(Path("out"), {**SMALL, "quantization_config": GPTQ}, weights={"model.safetensors": 2**30})
    assert recipe
    return "out"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["serve-config", *words]) == 0
    return capsys.readouterr().out


def test_all_that_is_printed_is_a_configuration(
    recipe: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, recipe, "--model", model, "--card-memory", "8GiB")
    read = yaml.safe_load(out)
    assert (read["model"], read["quantization"]) == ("out", "gptq_marlin")
    assert read["kv-cache-memory-bytes"] > 0
    assert "\n#   vllm bench serve --model out " in out
    alone = printed(capsys, recipe, "--model", model, "--card-memory", "8GiB", "--only", "config")
    assert out.startswith(alone + "\n# ")
    assert yaml.safe_load(alone) == read


def test_the_commands_are_those_of_this_program(
    recipe: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    held = ["--set", "holdout.nsamples=4", "--base", "../my base"]
    out = printed(capsys, recipe, "--model", model, "--only", "commands", *held)
    lines = [line for line in out.splitlines() if line and not line.startswith("#")]
    assert lines[2:] == [
        "calibset evaluate '../my base' --data small.holdout.jsonl --generate 128:128 --generate 512:128 "
        "--out base-holdout.parquet",
        "calibset evaluate http://localhost:8000 --data small.holdout.jsonl --follow base-holdout.parquet "
        "--out served-holdout.parquet",
        "calibset compare base-holdout.parquet served-holdout.parquet --json > holdout.json",
        "calibset evaluate '../my base' --data wikitext-2 --tokenizer . --out base-wikitext.parquet",
        "calibset evaluate http://localhost:8000 --data wikitext-2 --tokenizer . "
        "--out served-wikitext.parquet",
        "calibset compare base-wikitext.parquet served-wikitext.parquet --json > wikitext.json",
        "calibset card --model --evaluation holdout.json --evaluation wikitext.json --throughput load-1.json "
        "--throughput load-32.json > benchmarks.md",
    ]
    for line in lines[2:]:
        create_parser().parse_args(shlex.split(line.partition(" > ")[0])[1:])
    at_once = [shlex.split(line)[shlex.split(line).index("--max-concurrency") + 1] for line in lines[:2]]
    assert at_once == ["1", "32"]


def test_what_is_not_known_is_said(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, recipe, "--model", "OWNER/NAME", "--only", "commands")
    assert "# BASE is the model that was quantized: its folder, or a server's address (--base names" in out
    assert "# The recipe holds nothing out (its table [holdout]), so there is no data of its own kind." in out
    config = json.loads(printed(capsys, recipe, "--model", "OWNER/NAME", "--card-memory", "24GiB", "--json"))
    assert "\n# No size for the cache: what weights, keys and values take is not known" in config["config"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--card-memory", "24"], "--card-memory 24: name a card's memory, at least 2GiB: 24GiB, 80GB"),
        (["--url", "localhost"], "--url localhost: must be an address, such as http://localhost:8000"),
        (["--base", "a\nb"], r"--base: 'a\nb' holds a character that can't be shown; rename it"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    recipe: str, model: str, words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve-config", recipe, "--model", model, *words]) == 2
    assert capsys.readouterr().err == f"calibset: {fault}\n"
