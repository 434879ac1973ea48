"""The parsers of the commands on a calibration file."""

from __future__ import annotations

import argparse

from calibset.cli.parser_common import (
    Commands,
    add_command,
    add_json,
    add_output,
    add_quantizer,
    add_verbose,
    positive,
)


def add_file_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands on a calibration file."""
    for add in (_add_verify, _add_export, _add_show, _add_report, _add_card, _add_diff):
        add(commands)


def _add_verify(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "verify",
        "show which rows of a calibration file a quantizer keeps, whoever wrote the file",
        "calibset verify theirs.jsonl --tokenizer ./tokenizer --seqlen 2048 --nsamples 512",
        "Exits 1 if a row is lost or there are too few, and 3 if that can't be judged. Options that are not\n"
        "given are taken from the manifest beside the file, or beside the file that it was exported from;\n"
        "if there is none, they are mistral-small-3.2, 2048 and 512. What was found ends with the command\n"
        "that mends it.\n"
        "With --backend it also exits 1 if that tokenizer of transformers reads a row differently.\n",
    )
    command.add_argument("file", help="JSON Lines, a .json array, or a file exported for the quantizer")
    add_quantizer(command, "the quantizer (default: the manifest's, or else autoround)")
    command.add_argument("--tokenizer", metavar="T", help="the quantizer's tokenizer: a name, file or folder")
    command.add_argument("--seqlen", type=positive, metavar="N", help="the tokens that it reads of a row")
    command.add_argument("--nsamples", type=positive, metavar="N", help="the rows that it asks for")
    command.add_argument(
        "--backend",
        choices=["auto", "fast", "mistral-common", "tokenizers"],
        help="check as well whether this tokenizer of transformers reads the ids that were counted: what "
        "AutoTokenizer loads from the model's folder, the fast one of a tokenizer.json, "
        "MistralCommonBackend, or TokenizersBackend of a tekken.json",
    )
    add_verbose(command)
    add_output(command)


def _add_export(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "export",
        "write a calibration file in the form that suits a quantizer best, or as token ids",
        "calibset export slovak-insurance.jsonl --for gptqmodel\n"
        "  calibset export slovak-insurance.jsonl --format input_ids --out slovak-insurance.parquet",
        "With --for it shows what the quantizer keeps, and how to give it the file. input_ids is a parquet\n"
        "file whose rows are BOS and token ids, cut at seqlen, for any tool that takes ids; the tool's own\n"
        "tokenizer is not used. Options that are not given are taken from the manifest beside FILE.\n",
    )
    command.add_argument("file", help="a calibration file")
    kind = command.add_mutually_exclusive_group(required=True)
    add_quantizer(kind, "the quantizer")
    kind.add_argument("--format", choices=["input_ids"], help="the form to write, for any quantizer")
    command.add_argument(
        "--out", metavar="FILE", help="the file to write (default: FILE's name with the ending of its form)"
    )
    command.add_argument("--tokenizer", metavar="T", help="the target model's: a name, file or folder")
    command.add_argument("--seqlen", type=positive, metavar="N", help="the ids of a row, BOS included")
    add_verbose(command)
    add_output(command)


def _add_show(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "show",
        "print a row with its documents and control tokens marked",
        "calibset show slovak-insurance.jsonl 3",
    )
    command.add_argument("file", help="a calibration file")
    command.add_argument("row", type=positive, metavar="N", help="the number of the row, from 1")
    command.add_argument(
        "--tokenizer", metavar="T", help="whose control tokens to mark (default: the manifest's)"
    )
    add_json(command)


def _add_report(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "report",
        "write an HTML page about a calibration file: mixture, coverage, rejects, every row",
        "calibset report slovak-insurance.jsonl --out slovak-insurance.html",
        "The page is one file and loads nothing else. To write it, install calibset[report].\n",
    )
    command.add_argument("file", help="a calibration file; without a manifest only its rows are told of")
    command.add_argument(
        "--out", metavar="FILE.html", help="the page to write (default: FILE's name with .report.html)"
    )
    command.add_argument("--tokenizer", metavar="T", help="the target model's (default: the manifest's)")
    add_output(command)


def _add_card(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "card",
        "write the dataset card of a calibration file, or a section for the card of a model",
        "calibset card slovak-insurance.jsonl --out card\n"
        "  calibset card slovak-insurance.jsonl --model >> MODEL/README.md\n"
        "  calibset card --model --evaluation compare.json --throughput bench.json >> MODEL/README.md",
        "The card is a README.md for the Hugging Face hub: sources, licences and what they require, method,\n"
        "hashes, how to build the file again; an ATTRIBUTION.md goes with it. It is not legal advice.\n"
        "--push uploads file, manifest, holdout and card to a dataset repository, private unless --public.\n"
        "A model's benchmark sections are made of measured files alone; what was not measured is left out,\n"
        "and said.\n",
    )
    command.add_argument(
        "file",
        nargs="?",
        help="a calibration file; without a manifest only its rows are told of (none: the benchmarks alone)",
    )
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--model", action="store_true", help="print sections for a model's card instead")
    kind.add_argument(
        "--out", metavar="DIR", help="the folder to write README.md and ATTRIBUTION.md to (default: print)"
    )
    kind.add_argument("--push", metavar="OWNER/NAME", help="upload everything to this repository of the hub")
    command.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="the recipe that the file was built with; the card names it, and --push uploads it",
    )
    command.add_argument(
        "--tokenizer",
        metavar="T",
        help="without a manifest: what reads the rows (default: mistral-small-3.2)",
    )
    command.add_argument(
        "--evaluation",
        metavar="FILE",
        action="append",
        default=[],
        help="with --model: what `calibset compare --json` wrote (repeatable)",
    )
    command.add_argument(
        "--throughput",
        metavar="FILE",
        action="append",
        default=[],
        help="with --model: what `vllm bench serve --save-result` wrote (repeatable)",
    )
    command.add_argument("--public", action="store_true", help="with --push: make the repository public")
    add_output(command)


def _add_diff(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "diff",
        "show what changed between two manifests, or between two locks",
        "calibset diff monday.manifest.json friday.jsonl",
        "For a calibration file, the manifest beside it is compared. Exits 1 if something differs.\n",
    )
    command.add_argument("before", metavar="A", help="a manifest, a lock, or a calibration file")
    command.add_argument("after", metavar="B", help="another of the same kind")
    add_json(command)
