"""What the command line takes, and the help that teaches it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from calibset.cli.parser_common import Commands, add, add_quiet
from calibset.cli.parser_files import add_file_commands
from calibset.cli.parser_recipes import add_recipe_commands

_DESCRIPTION = """\
Build calibration datasets for post-training quantization, from one TOML recipe:
weighted sources, rows of an exact token length, proof that the quantizer keeps them.

  calibset plan   recipes/slovak_insurance.toml      what would be read, and how much
  calibset build  recipes/slovak_insurance.toml      write the file and its manifest
  calibset verify slovak-insurance.jsonl             which rows the quantizer keeps
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="calibset", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action=_Version, help="print the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    add_recipe_commands(commands)
    add_file_commands(commands)
    _cache(commands)
    _tokenizer(commands)
    sources = add(commands, "sources", "list the source adapters and their keys", "calibset sources bitext")
    sources.add_argument("name", nargs="?", help="an adapter, to see its keys")
    sources.add_argument("--allow-code", action="store_true", help="let NAME be package.module:Class")
    add(
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


def _cache(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "cache",
        "list or clear what was read of servers and is kept",
        "calibset cache list",
        "The folder is CALIBSET_CACHE, else HF_HOME/calibset, else the system's usual one.\n",
    )
    command.add_argument("action", choices=["list", "clear"], help="what to do")
    command.add_argument("--json", action="store_true", help="print the list as JSON")


def _tokenizer(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "tokenizer",
        "write a folder that AutoTokenizer loads as a fast tokenizer that parses control tokens",
        "calibset tokenizer mistral-small-3.2 --out tokenizer",
        "AutoRound needs such a one to read control tokens in text rows: a model folder that holds\n"
        "only tekken.json gives it a tokenizer that spells them.\n",
    )
    command.add_argument("name", help="a known tokenizer, or the path of a tekken.json")
    command.add_argument("--out", metavar="DIR", required=True, help="the folder to write")
    add_quiet(command)
