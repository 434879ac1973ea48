"""The parsers of the commands on models."""

from __future__ import annotations

import argparse

from calibset.cli.parser_common import (
    Commands,
    add_command,
    add_json,
    add_output,
    add_overrides,
    add_recipe_file,
    positive,
)


def add_model_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands on models."""
    for add in (_add_evaluate, _add_compare, _add_serve_config):
        add(commands)


def _add_evaluate(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "evaluate",
        "measure a model on a data set: what it says of each token, to compare models by",
        "calibset evaluate ./Qwen3-8B --data sk.holdout.jsonl --out base.parquet\n"
        "  calibset evaluate http://localhost:8000 --data sk.holdout.jsonl --out w4.parquet\n"
        "  calibset compare base.parquet w4.parquet",
        "TARGET is the address of a vLLM or SGLang server, or a model's folder, which is run here (install\n"
        "calibset[evaluate]). The server's key, if it wants one, is in CALIBSET_API_KEY.\n\n"
        "data:\n"
        "  a calibration file or holdout (figures by source and group), wikitext-2 (the test split of the\n"
        "  hub, joined as in wiki.test.raw), a text, or JSON Lines with a text each. Texts are cut into\n"
        "  windows of --ctx tokens that don't overlap, and the second half of each is scored, as llama.cpp\n"
        "  does; with --score, rows are measured whole.\n\n"
        "continuations:\n"
        "  --generate 128:64 lets the model write 64 tokens after prompts of 128, the likeliest each time,\n"
        "  and --calls lets it write where a conversation of the data calls a tool. Another model is then\n"
        "  measured on the same continuations with --follow.\n\n"
        "  calibset evaluate ./base --data sk.holdout.jsonl --generate 128:128 --calls --out base.parquet\n"
        "  calibset evaluate ./w4 --data sk.holdout.jsonl --follow base.parquet --out w4.parquet\n\n"
        "A run that is interrupted, or whose server goes away, keeps what it has measured in\n"
        "OUT.parquet.parts; the same command goes on from there.\n",
    )
    command.add_argument("target", metavar="TARGET", help="http://… of a server, or a model's folder")
    command.add_argument(
        "--data",
        metavar="DATA",
        required=True,
        help="a calibration file or holdout, wikitext-2, .txt, .jsonl",
    )
    command.add_argument(
        "--out", metavar="FILE.parquet", help="the file to write (default: MODEL-DATA.parquet)"
    )
    _add_windows(command)
    command.add_argument(
        "--top-k",
        type=positive,
        metavar="K",
        default=20,
        help="how many of the likeliest tokens are kept at each (default: 20, the most that vLLM gives "
        "unless it is started with --max-logprobs)",
    )
    command.add_argument(
        "--tokenizer", metavar="T", help="the model's tokenizer (default: the file's, or that of the folder)"
    )
    written = command.add_argument_group("continuations")
    _add_generate(written)
    written.add_argument(
        "--calls", action="store_true", help="let it write where a conversation of the data calls a tool"
    )
    _add_prompts(written)
    written.add_argument(
        "--follow", metavar="BASE.parquet", help="measure the continuations that the base wrote instead"
    )
    server = command.add_argument_group("a server")
    server.add_argument("--model", metavar="NAME", help="which of the models that it serves")
    server.add_argument(
        "--concurrency", type=positive, metavar="N", help="how many requests run at once (default: 8)"
    )
    _add_model_folder(command)
    add_output(command)


def _add_windows(command: argparse.ArgumentParser) -> None:
    """Add which tokens of the data are measured."""
    whole = command.add_mutually_exclusive_group()
    whole.add_argument("--ctx", type=_ctx, metavar="N", help="tokens of a window (default: 512)")
    whole.add_argument(
        "--score",
        choices=["assistant", "all"],
        help="measure whole rows: the assistant's turns in them, or every token",
    )
    command.add_argument(
        "--windows",
        type=positive,
        metavar="N",
        help="measure only so many windows, evenly spread over the data",
    )


def _add_model_folder(command: argparse.ArgumentParser) -> None:
    """Add how a model in a folder is run."""
    folder = command.add_argument_group("a model's folder")
    folder.add_argument(
        "--dtype",
        choices=["auto", "bfloat16", "float16", "float32"],
        help="what it computes in (default: auto, what its config.json says)",
    )
    folder.add_argument(
        "--device", metavar="D", help="cpu, cuda or cuda:1 (default: a graphics card if there is one)"
    )
    folder.add_argument(
        "--batch", type=positive, metavar="N", help="windows at once (default: 8 on a card, else 1)"
    )
    command.add_argument(
        "--offline", action="store_true", help="don't ask the hub for wikitext-2: read only what is cached"
    )


def _add_generate(written: argparse._ArgumentGroup) -> None:
    written.add_argument(
        "--generate",
        metavar="PROMPT:LENGTH",
        type=_generation,
        action="append",
        default=[],
        help="let the model write LENGTH tokens after PROMPT tokens of the data (repeatable)",
    )


def _add_prompts(written: argparse._ArgumentGroup) -> None:
    written.add_argument("--prompts", type=positive, metavar="N", help="prompts of each kind (default: 32)")


def _ctx(text: str) -> int:
    number = positive(text)
    if number < 4:
        raise argparse.ArgumentTypeError(f"must be at least 4, got {text!r}")
    return number


def _generation(text: str) -> str:
    prompt, _, length = text.partition(":")
    try:
        numbers = int(prompt), int(length)
    except ValueError:
        numbers = 0, 0
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"must be PROMPT:LENGTH, two numbers of tokens, got {text!r}")
    return text


def _add_compare(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "compare",
        "show what quantized models cost against their base, in all and by domain",
        "calibset compare base.parquet w4.parquet --page w4.html\n"
        "  calibset compare base.parquet slovak=sk-1.parquet slovak=sk-2.parquet pile=p-1.parquet\n"
        "  calibset compare ./model ./model-w4 --data holdout.jsonl",
        "BASE and OTHER are measurements that `calibset evaluate` wrote of the same windows, or folders of\n"
        "models, which are run here in one pass over --data and compared over the whole vocabulary.\n"
        "NAME=PATH names one; several with one name are runs of one recipe with different seeds, whose\n"
        "spread says whether recipes differ by more. Perplexity and its change, KL divergence (mean,\n"
        "median, 95th and 99th percentile), the change of the token's probability, and the share of same\n"
        "likeliest tokens come with 95 % intervals over documents. What comes of likely tokens alone is a\n"
        "lower bound, marked with ≥.\n",
    )
    command.add_argument("base", metavar="BASE", help="the model before it was quantized: [NAME=]PATH")
    command.add_argument("others", metavar="OTHER", nargs="+", help="a model to compare with it: [NAME=]PATH")
    command.add_argument(
        "--page", metavar="FILE.html", help="write a page too: domains, positions, and the worst windows"
    )
    command.add_argument(
        "--tokenizer",
        metavar="T",
        help="what made the ids (default: the measurement's, or the file's or folder's)",
    )
    folders = command.add_argument_group("folders of models")
    folders.add_argument(
        "--data", metavar="DATA", help="what they are measured on, as for `calibset evaluate`"
    )
    _add_windows(command)
    _add_generate(folders)
    _add_prompts(folders)
    _add_model_folder(command)
    add_output(command)


def _add_serve_config(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "serve-config",
        "print how vLLM serves a quantized model, and the commands that measure it",
        "calibset serve-config slovak_insurance.toml --model ./quantized --card-memory 24GiB "
        "> serve.yaml\n"
        "  vllm serve --config serve.yaml\n"
        "  calibset serve-config slovak_insurance.toml --model ./quantized --only commands",
        "The configuration follows the files in the model's folder: Mistral's form or Hugging Face's, how\n"
        "weights are stored and tool calls written, its length, and what the card's memory holds. A comment\n"
        "gives the reason for each unusual line; one that begins with ! is a fault to mend first. After it\n"
        "come the commands, as comments: vLLM's load tool with 1 and 32 requests at a time, `calibset\n"
        "evaluate` and `compare` on the recipe's holdout and on WikiText-2, and the card. Nothing is run.\n",
    )
    add_recipe_file(command)
    command.add_argument(
        "--model", metavar="PATH", required=True, help="the model to serve: its folder, or OWNER/NAME"
    )
    command.add_argument("--card-memory", metavar="SIZE", help="the memory of the graphics card: 24GiB, 80GB")
    command.add_argument(
        "--max-model-len",
        type=positive,
        metavar="N",
        help="the most tokens of a request with its answer (default: what the model and the card take, "
        "32768 at most)",
    )
    command.add_argument(
        "--base",
        metavar="TARGET",
        help="the model that was quantized, for the commands: its folder, or http://…",
    )
    command.add_argument("--file", metavar="FILE", help="the calibration file (default: the recipe's own)")
    command.add_argument(
        "--url",
        metavar="URL",
        default="http://localhost:8000",
        help="where the server will listen, for the commands (default: http://localhost:8000)",
    )
    add_overrides(command)
    command.add_argument(
        "--only", choices=["config", "commands"], help="print only the configuration, or only the commands"
    )
    add_json(command)
