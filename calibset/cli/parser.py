"""The parser of the command line, and the help that teaches it."""

from __future__ import annotations

import argparse
import sys
from functools import cache
from typing import Any

from calibset.cli.parser_files import add_file_commands
from calibset.cli.parser_models import add_model_commands
from calibset.cli.parser_recipes import add_recipe_commands
from calibset.cli.parser_resources import add_resource_commands

_DESCRIPTION = """\
Build calibration datasets for post-training quantization, from one TOML recipe:
weighted sources, rows of an exact token length, proof that the quantizer keeps them.

  calibset init   MY_DATA --tokenizer MY_MODEL       write a recipe for data of your own
  calibset plan   recipes/slovak_insurance.toml      what would be read, and whether it can
  calibset build  recipes/slovak_insurance.toml      write the file and its manifest
  calibset verify slovak-insurance.jsonl             which rows the quantizer keeps
"""


@cache
def create_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="calibset", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    add_recipe_commands(commands)
    add_file_commands(commands)
    add_model_commands(commands)
    add_resource_commands(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only now, so that --help stays quick."""

    def __init__(self, option_strings: list[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"calibset {version('calibset')}\n")
        parser.exit()
