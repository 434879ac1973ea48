"""What the command line takes, and the help that teaches it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

__all__ = ["parser"]

_DESCRIPTION = """\
Build calibration datasets for post-training quantization, from one TOML recipe:
weighted sources, rows of an exact token length, proof that the quantizer keeps them.

  calibset plan   recipes/slovak_insurance.toml      what would be read, and how much
  calibset build  recipes/slovak_insurance.toml      write the file and its manifest
  calibset verify slovak-insurance.jsonl             which rows the quantizer keeps
"""

_PLACES = """\
places:
  --data DIR (or CALIBSET_DATA) is where relative places of a recipe are looked up first;
  --mirror https://PREFIX=https://REPLACEMENT (repeatable, or CALIBSET_MIRRORS with blanks between)
  reads https places from elsewhere; HF_ENDPOINT, HF_HOME and HF_TOKEN work as for Hugging Face.
  What was read of servers is kept (`calibset cache list`) and not read again; --offline reads
  nothing else. CALIBSET_CACHE names another folder for it.
"""

_LOCK = """\
lock:
  `calibset lock RECIPE` writes RECIPE's name with .lock: the commits, files and hashes that a build
  depends on. Where it stands, build, plan and check read the places and commits that it names.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="calibset", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, help="print the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _build(commands)
    _plan(commands)
    _check(commands)
    _verify(commands)
    _export(commands)
    _show(commands)
    _lock(commands)
    _diff(commands)
    _cache(commands)
    _tokenizer(commands)
    sources = _add(commands, "sources", "list the source adapters and their keys", "calibset sources bitext")
    sources.add_argument("name", nargs="?", help="an adapter, to see its keys")
    sources.add_argument("--allow-code", action="store_true", help="let NAME be package.module:Class")
    _add(
        commands,
        "schema",
        "print the JSON Schema of a recipe, for editors that check TOML",
        "calibset schema > recipe.schema.json",
    )
    return top


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for, so that --help stays quick."""

    def __init__(self, option_strings: list[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"calibset {version('calibset')}\n")
        parser.exit()


_Commands = argparse._SubParsersAction  # noqa: SLF001  (argparse has no public name for it)


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, example: str, more: str = ""
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}\n" + (f"\n{more}" if more else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", help="a dataset recipe (TOML)")
    command.add_argument("--data", metavar="DIR", help="where relative places are looked up first")
    command.add_argument(
        "--mirror",
        metavar="PREFIX=REPLACEMENT",
        action="append",
        default=[],
        help="read https places from elsewhere",
    )
    command.add_argument(
        "--offline", action="store_true", help="ask no server: read what earlier builds kept, or fail"
    )
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a key: sources.pile.weight=2",
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="let the recipe name adapters as package.module:Class, which runs them",
    )


def _add_rejects(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rejects",
        metavar="FILE",
        help="write what was rejected or left out: source, place, reason, and excerpt or detail",
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _build(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "build",
        "build a calibration file and its manifest",
        "calibset build recipes/slovak_insurance.toml --data ~/corpora --out sk.jsonl --set seed=7",
        _PLACES + "\n" + _LOCK,
    )
    _add_recipe(command)
    command.add_argument(
        "--out", metavar="FILE", help="the .jsonl to write; the recipe's output, or NAME.jsonl"
    )
    _add_rejects(command)
    command.add_argument(
        "--locked", action="store_true", help="fail unless all is as the recipe's lock says, to the byte"
    )
    _add_output(command)


def _plan(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "plan",
        "show what a build would read and how much of it; downloads no data",
        "calibset plan recipes/slovak_insurance.toml --set nsamples=128",
        _PLACES,
    )
    _add_recipe(command)
    _add_output(command)


def _check(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "check",
        "read every source to its end and count documents, rejections and what was set aside",
        "calibset check recipes/quickstart.toml",
        _PLACES,
    )
    _add_recipe(command)
    _add_rejects(command)
    _add_output(command)


def _verify(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "verify",
        "say which rows of a calibration file AutoRound keeps, whoever made it",
        "calibset verify theirs.jsonl --tokenizer ./tokenizer --seqlen 2048 --nsamples 512",
        "Exits 1 if a row is lost or there are too few. What isn't given is read from the manifest\n"
        "beside the file, where there is one; else mistral-small-3.2, 2048 and 512.\n"
        "With --backend it also exits 1 if that tokenizer of transformers reads a row otherwise.\n",
    )
    command.add_argument("file", help="JSON Lines, or a .json array")
    command.add_argument("--tokenizer", metavar="T", help="the quantizer's: a name, file or folder")
    command.add_argument("--seqlen", type=_positive, metavar="N", help="tokens of a row that it reads")
    command.add_argument("--nsamples", type=_positive, metavar="N", help="rows that it takes")
    command.add_argument(
        "--backend",
        choices=["fast", "mistral-common", "tokenizers"],
        help="ask a tokenizer of transformers, too, whether it reads the ids that were counted: the fast "
        "one of a tokenizer.json, MistralCommonBackend, or TokenizersBackend of a tekken.json",
    )
    _add_output(command)


def _export(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "export",
        "write a calibration file as the token ids that the model is shown",
        "calibset export slovak-insurance.jsonl --format input_ids --out slovak-insurance.parquet",
        "input_ids: a parquet file of rows of BOS and ids, cut at seqlen, for quantizers that take ids;\n"
        "their tokenizer has no part in it. What isn't given is read from the manifest beside FILE.\n",
    )
    command.add_argument("file", help="a calibration file")
    command.add_argument("--format", choices=["input_ids"], required=True, help="what to write")
    command.add_argument("--out", metavar="FILE", help="the .parquet to write; FILE's name with that ending")
    command.add_argument("--tokenizer", metavar="T", help="the target model's: a name, file or folder")
    command.add_argument("--seqlen", type=_positive, metavar="N", help="ids of a row, BOS among them")
    command.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")


def _show(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "show",
        "print a row with its document borders and control tokens visible",
        "calibset show slovak-insurance.jsonl 3",
    )
    command.add_argument("file", help="a calibration file")
    command.add_argument("row", type=_positive, metavar="N", help="the row, from 1")
    command.add_argument(
        "--tokenizer", metavar="T", help="whose control tokens to show; the manifest's if not given"
    )


def _lock(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "lock",
        "write down what a build depends on, so that it can be built again byte for byte",
        "calibset lock recipes/quickstart.toml\n  calibset build --locked recipes/quickstart.toml",
        _LOCK + "It builds the set to know, at the commits that its places have now.\n",
    )
    _add_recipe(command)
    command.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")


def _diff(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "diff",
        "say what changed between two manifests, or between two locks",
        "calibset diff monday.manifest.json friday.jsonl",
        "A calibration file stands for the manifest beside it. Exits 1 if something differs.\n",
    )
    command.add_argument("before", metavar="A", help="a manifest, a lock, or a calibration file")
    command.add_argument("after", metavar="B", help="another of the same kind")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _cache(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "cache",
        "list or clear what was read of servers and is kept",
        "calibset cache list",
        "The folder is CALIBSET_CACHE, else HF_HOME/calibset, else the system's usual one.\n",
    )
    command.add_argument("action", choices=["list", "clear"], help="what to do")
    command.add_argument("--json", action="store_true", help="print the list as JSON")


def _tokenizer(commands: _Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "tokenizer",
        "write a folder that AutoTokenizer loads as a fast tokenizer that parses control tokens",
        "calibset tokenizer mistral-small-3.2 --out tokenizer",
        "AutoRound needs such a one to read control tokens in text rows: a model folder that holds\n"
        "only tekken.json gives it a tokenizer that spells them.\n",
    )
    command.add_argument("name", help="a known tokenizer, or the path of a tekken.json")
    command.add_argument("--out", metavar="DIR", required=True, help="the folder to write")
    command.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return number
