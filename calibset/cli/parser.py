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

To try it, without a network:

  calibset init --from quickstart                    copy a recipe and its sample corpora
  calibset plan quickstart.toml                      what would be read, and whether it can
  calibset build quickstart.toml                     write the file and its manifest
  calibset verify quickstart.jsonl                   which rows the quantizer keeps
  calibset show quickstart.jsonl 1                   a row, as the model reads it

With data of your own begin like this instead, then go on with my_data.toml:

  calibset init MY_DATA --tokenizer MY_MODEL         write a recipe for it

`calibset recipes` lists others to begin with; `calibset COMMAND --help` explains a command.
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
