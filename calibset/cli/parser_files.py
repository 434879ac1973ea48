"""What the commands of a calibration file take."""

from __future__ import annotations

import argparse
from typing import get_args

from calibset.cli.parser_common import Commands, add, add_output, add_quiet, positive
from calibset.quantizers import QuantizerName


def add_file_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands that read what a build wrote."""
    _verify(commands)
    _export(commands)
    _show(commands)
    _report(commands)
    _card(commands)
    _diff(commands)


def _verify(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "verify",
        "say which rows of a calibration file a quantizer keeps, whoever made it",
        "calibset verify theirs.jsonl --tokenizer ./tokenizer --seqlen 2048 --nsamples 512",
        "Exits 1 if a row is lost or there are too few. What isn't given is read from the manifest\n"
        "beside the file, where there is one; else mistral-small-3.2, 2048 and 512.\n"
        "With --backend it also exits 1 if that tokenizer of transformers reads a row otherwise.\n",
    )
    command.add_argument("file", help="JSON Lines, a .json array, or a .parquet of ids")
    command.add_argument(
        "--for",
        dest="quantizer",
        choices=get_args(QuantizerName),
        help="the quantizer; the manifest's if not given, else autoround",
    )
    command.add_argument("--tokenizer", metavar="T", help="the quantizer's: a name, file or folder")
    command.add_argument("--seqlen", type=positive, metavar="N", help="tokens of a row that it reads")
    command.add_argument("--nsamples", type=positive, metavar="N", help="rows that it takes")
    command.add_argument(
        "--backend",
        choices=["fast", "mistral-common", "tokenizers"],
        help="ask a tokenizer of transformers, too, whether it reads the ids that were counted: the fast "
        "one of a tokenizer.json, MistralCommonBackend, or TokenizersBackend of a tekken.json",
    )
    add_output(command)


def _export(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "export",
        "write a calibration file as a quantizer takes it best, or as token ids",
        "calibset export slovak-insurance.jsonl --for gptqmodel\n"
        "  calibset export slovak-insurance.jsonl --format input_ids --out slovak-insurance.parquet",
        "With --for it says what the quantizer keeps, and what to type. input_ids is a parquet file of\n"
        "rows of BOS and ids, cut at seqlen, for whatever takes ids: its tokenizer has no part in it.\n"
        "What isn't given is read from the manifest beside FILE.\n",
    )
    command.add_argument("file", help="a calibration file")
    kind = command.add_mutually_exclusive_group(required=True)
    kind.add_argument("--for", dest="quantizer", choices=get_args(QuantizerName), help="the quantizer")
    kind.add_argument("--format", choices=["input_ids"], help="what to write, for any")
    command.add_argument("--out", metavar="FILE", help="what to write; FILE's name with the kind's ending")
    command.add_argument("--tokenizer", metavar="T", help="the target model's: a name, file or folder")
    command.add_argument("--seqlen", type=positive, metavar="N", help="ids of a row, BOS among them")
    add_quiet(command)


def _show(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "show",
        "print a row with its document borders and control tokens visible",
        "calibset show slovak-insurance.jsonl 3",
    )
    command.add_argument("file", help="a calibration file")
    command.add_argument("row", type=positive, metavar="N", help="the row, from 1")
    command.add_argument(
        "--tokenizer", metavar="T", help="whose control tokens to show; the manifest's if not given"
    )


def _diff(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "diff",
        "say what changed between two manifests, or between two locks",
        "calibset diff monday.manifest.json friday.jsonl",
        "A calibration file stands for the manifest beside it. Exits 1 if something differs.\n",
    )
    command.add_argument("before", metavar="A", help="a manifest, a lock, or a calibration file")
    command.add_argument("after", metavar="B", help="another of the same kind")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _report(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "report",
        "write a page about a calibration file: mixture, coverage, what was left out, each row",
        "calibset report slovak-insurance.jsonl --out slovak-insurance.html",
        "The page needs nothing but itself, and the extra `report` to be written.\n",
    )
    command.add_argument("file", help="a calibration file; its manifest stands beside it")
    command.add_argument(
        "--out", metavar="FILE.html", help="where to write it; FILE's name with .report.html"
    )
    command.add_argument("--tokenizer", metavar="T", help="the target model's; the manifest's if not given")
    add_quiet(command)


def _card(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "card",
        "write the dataset card of a calibration file, or the section of a model's card",
        "calibset card slovak-insurance.jsonl --out card\n"
        "  calibset card slovak-insurance.jsonl --model >> MODEL/README.md",
        "A card is a README.md as the Hugging Face hub shows it: sources, licences and what they ask for,\n"
        "method, hashes, how to build again; an ATTRIBUTION.md goes with it. No legal advice.\n"
        "--push puts file, manifest, holdout and card into a dataset repository, private unless --public.\n",
    )
    command.add_argument("file", help="a calibration file; its manifest stands beside it")
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--model", action="store_true", help="print the section for a model's card instead")
    kind.add_argument(
        "--out", metavar="DIR", help="where README.md and ATTRIBUTION.md go; the card is printed if unset"
    )
    kind.add_argument("--push", metavar="OWNER/NAME", help="put it all on the hub")
    command.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="the recipe that it was built with, for the card to name; goes along with --push",
    )
    command.add_argument("--public", action="store_true", help="with --push: let others see it")
    add_quiet(command)
