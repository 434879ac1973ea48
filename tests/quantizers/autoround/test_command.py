from __future__ import annotations

import ast
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.quantizers.autoround.command import command_arguments, quantize_command
from calibset.quantizers.autoround.model_files import ModelInfo
from calibset.quantizers.autoround.run import QuantizationRun, TokenizerLocation
from tests.quantizers.autoround.runs import MULTIMODAL, PLAIN, plain_run


def code_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def keywords_of(python: str) -> dict[str, Any]:
    """Return what AutoRound is called with, names for what is a variable."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(python))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "AutoRound"
    )
    assert [ast.unparse(argument) for argument in call.args] == ["model", "tokenizer"]
    return {
        str(word.arg): word.value.id if isinstance(word.value, ast.Name) else ast.literal_eval(word.value)
        for word in call.keywords
    }


def test_the_command_line() -> None:
    assert quantize_command(plain_run()).command.splitlines() == [
        "# AutoRound 0.16.1",
        "# defaults: AutoRound takes 128 rows and tunes for 200 iterations by default; "
        "nsamples and seqlen are set as in the recipe, and iters to 1000.",
        "# remote code: AutoRound runs Python code that comes with a model unless this is disabled; the "
        "command line has --disable_trust_remote_code, the Python code loads the model without "
        "trust_remote_code.",
        "auto-round \\",
        "  --model models/small \\",
        "  --scheme W4A16 \\",
        "  --bits 4 \\",
        "  --group_size=128 \\",
        "  --iters 1000 \\",
        "  --nsamples 512 \\",
        "  --seqlen 2048 \\",
        "  --batch_size 4 \\",
        "  --low_gpu_mem_usage \\",
        "  --disable_trust_remote_code \\",
        "  --format auto_gptq \\",
        "  --dataset out/x.jsonl \\",
        "  --output_dir quantized",
    ]


def test_the_python_code() -> None:
    assert code_of(quantize_command(plain_run("0.12.3", MULTIMODAL)).python) == [
        "from auto_round import AutoRound",
        "from transformers import AutoModelForImageTextToText, AutoTokenizer",
        "",
        "model = AutoModelForImageTextToText.from_pretrained('models/mm', dtype=\"auto\")",
        "tokenizer = AutoTokenizer.from_pretrained('tokenizer')",
        "dataset = 'out/x.jsonl:num=512'",
        "autoround = AutoRound(",
        "    model,",
        "    tokenizer,",
        "    scheme='W4A16',",
        "    bits=4,",
        "    group_size=128,",
        "    sym=True,",
        "    dataset=dataset,",
        "    nsamples=512,",
        "    seqlen=2048,",
        "    iters=1000,",
        "    batch_size=4,",
        "    low_gpu_mem_usage=True,",
        ")",
        "autoround.quantize_and_save('quantized', format='auto_gptq')",
    ]


def test_the_tokenizer_s_folder_is_said_to_be_written() -> None:
    printed = quantize_command(
        plain_run(tokenizer=TokenizerLocation(path="tokenizer", written_from="my models/tekken.json"))
    )
    line = "# Write the tokenizer's folder first: calibset tokenizer 'my models/tekken.json' --out tokenizer"
    assert line in printed.python.splitlines()
    assert (
        "is written by"
        not in quantize_command(plain_run(tokenizer=TokenizerLocation(path="models/small"))).python
    )


def test_exact_ids() -> None:
    printed = quantize_command(plain_run(model=MULTIMODAL, ids="x.parquet"))
    assert code_of(printed.python)[:10] == [
        "import torch",
        "from auto_round import AutoRound",
        "from pyarrow import parquet",
        "from transformers import AutoModelForImageTextToText, AutoTokenizer",
        "",
        "model = AutoModelForImageTextToText.from_pretrained('models/mm', dtype=\"auto\")",
        "tokenizer = AutoTokenizer.from_pretrained('tokenizer')",
        "ids = torch.tensor(parquet.read_table('x.parquet')[\"input_ids\"].to_pylist())",
        'dataset = [{"input_ids": rows, "attention_mask": torch.ones_like(rows)} for rows in ids.split(4)]',
        "autoround = AutoRound(",
    ]


@pytest.mark.parametrize(
    ("version", "options", "words"),
    [
        ("0.16.1", {"scheme": "W8A16"}, "--scheme W8A16 --iters"),
        ("0.16.1", {"scheme": "W8A16", "bits": 8}, "--scheme W8A16 --bits 8 --iters"),
        ("0.16.1", {"group_size": -1}, "--group_size=-1"),
        ("0.16.1", {"sym": False}, "--asym"),
        ("0.16.1", {"gradient_accumulate_steps": 2}, "--gradient_accumulate_steps 2"),
        ("0.16.1", {"device": "cpu", "torch_compile": False}, "--device_map cpu --disable_torch_compile"),
        ("0.12.3", {"torch_compile": True}, "--enable_torch_compile"),
    ],
)
def test_options_are_passed_on(version: str, options: dict[str, Any], words: str) -> None:
    assert words in shlex.join(command_arguments(plain_run(version, **options)))


@pytest.mark.parametrize(
    ("version", "options", "missing"),
    [
        ("0.12.3", {"torch_compile": False}, "torch_compile"),
        ("0.16.1", {}, "torch_compile"),
        ("0.16.1", {"low_gpu_mem_usage": False}, "low_gpu_mem_usage"),
        ("0.16.1", {"trust_remote_code": True}, "disable_trust_remote_code"),
        ("0.16.1", {}, "asym"),
        ("0.16.1", {"scheme": "W8A16"}, "bits"),
    ],
)
def test_options_that_are_not_meant_are_not(version: str, options: dict[str, Any], missing: str) -> None:
    assert missing not in shlex.join(command_arguments(plain_run(version, **options)))


def test_both_ways_ask_for_the_same() -> None:
    run = plain_run(
        "0.16.1", sym=False, device="0,1", torch_compile=False, scheme="W8A16", group_size=64, iters=7,
        gradient_accumulate_steps=2, low_gpu_mem_usage=False,
    )  # fmt: skip
    assert keywords_of(quantize_command(run).python) == {
        "scheme": "W8A16", "group_size": 64, "sym": False, "dataset": "dataset", "nsamples": 512,
        "seqlen": 2048, "iters": 7, "batch_size": 4, "gradient_accumulate_steps": 2,
        "low_gpu_mem_usage": False,
        "device_map": "0,1", "enable_torch_compile": False,
    }  # fmt: skip


def test_remote_code_runs_only_if_that_is_asked_for() -> None:
    assert "trust_remote_code" not in "".join(code_of(quantize_command(plain_run()).python))
    trusting = code_of(quantize_command(plain_run(trust_remote_code=True)).python)
    assert trusting[3].endswith(", trust_remote_code=True)")
    assert trusting[4].endswith(", trust_remote_code=True)")


@pytest.mark.parametrize(
    "run",
    [
        plain_run(file="a b.jsonl"),
        plain_run(model=replace(MULTIMODAL, path="models/Mistral-Small-3.2")),
        plain_run("0.12.3", format="mlx"),
    ],
)
def test_no_command_is_printed_that_would_stop(run: QuantizationRun) -> None:
    lines = quantize_command(run).command.splitlines()
    assert lines[-1] == "# No command line works in this case."
    assert all(line.startswith("#") for line in lines)


def test_a_format_that_is_new_is_no_reason_to_print_nothing() -> None:
    lines = quantize_command(plain_run(format="new")).command.splitlines()
    assert "auto-round \\" in lines
    assert any(line.startswith("# ! unknown format: ") for line in lines)


def test_a_processor_may_be_there_all_the_same() -> None:
    lines = quantize_command(plain_run(model=MULTIMODAL)).command.splitlines()
    assert "auto-round \\" in lines
    assert any(line.startswith("# ! processor: ") for line in lines)


@pytest.mark.parametrize("word", ["list", "eval", "-x", "--eval"])
def test_a_path_is_not_taken_for_a_command(word: str) -> None:
    words = command_arguments(plain_run(model=replace(PLAIN, path=word), output=word))
    assert (words[2], words[-1]) == (f"./{word}", f"./{word}")


NASTY = [
    "a b",
    "a'b",
    'a"b',
    "$(touch x)",
    "`x`",
    "; x",
    "#x",
    "\\",
    "*",
    "~",
    "!x",
    "&& x",
    "ä",
    "%s",
]
PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
PATHS = st.text(PRINTABLE, min_size=1, max_size=20) | st.sampled_from(NASTY)


@given(path=PATHS, output=PATHS, name=PATHS, location=PATHS, file=PATHS)
def test_no_path_breaks_out_of_the_python_code(
    path: str, output: str, name: str, location: str, file: str
) -> None:
    run = plain_run(
        model=ModelInfo(path=path, multimodal=False), output=output, file=file,
        tokenizer=TokenizerLocation(path=location, written_from=name),
    )  # fmt: skip
    tree = ast.parse(quantize_command(run).python)
    compile(tree, "snippet", "exec")
    assert [type(node).__name__ for node in tree.body] == [
        "ImportFrom", "ImportFrom", "Assign", "Assign", "Assign", "Assign", "Expr",
    ]  # fmt: skip
    loaded = [node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and _loads(node)]
    assert [ast.literal_eval(argument) for argument in loaded] == [path, location]


@pytest.mark.parametrize("nasty", NASTY)
def test_no_path_breaks_out_of_the_command_line(nasty: str, tmp_path: Path) -> None:
    run = plain_run(
        model=ModelInfo(path=nasty, multimodal=False), output=nasty, file=nasty.replace(" ", "_") + ".jsonl",
        tokenizer=TokenizerLocation(path="tokenizer", written_from=nasty),
    )  # fmt: skip
    program = tmp_path / "auto-round"
    program.write_text('#!/bin/sh\nprintf "%s\\0" auto-round "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", quantize_command(run).command], env=environment, cwd=tmp_path, capture_output=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.decode().split("\0")[:-1] == list(command_arguments(run))
    assert [path.name for path in tmp_path.iterdir()] == ["auto-round"]


@pytest.mark.parametrize("unseen", ["\n", "\x1b]0;x\x07", "\u202e", "\u200b"])
def test_a_path_that_is_not_what_it_looks_like_is_refused(unseen: str) -> None:
    path = f"a{unseen}b"
    for run, option in (
        (plain_run(model=ModelInfo(path=path)), "--model"),
        (plain_run(file=path), "--file"),
        (plain_run(ids=path), "--ids"),
        (plain_run(output=path), "quantization.output"),
        (plain_run(tokenizer=TokenizerLocation(path="tokenizer", written_from=path)), "tokenizer"),
    ):
        with pytest.raises(RecipeError) as caught:
            quantize_command(run)
        shown = "tokenizer" + path if option == "tokenizer" else path
        assert str(caught.value) == f"{option}: {shown!r} holds a character that can't be shown; rename it"
        assert unseen not in str(caught.value)


def _loads(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("from_pretrained")
