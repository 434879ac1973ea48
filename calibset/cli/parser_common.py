"""What the commands' parsers share."""

from __future__ import annotations

import argparse
from typing import get_args

from calibset.core.quantizer_names import QuantizerName

# argparse has no public name for it.
Commands = argparse._SubParsersAction  # noqa: SLF001


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, example: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command with a line on what it does, an example, and what else there is to say of it."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}\n" + (f"\n{more}" if more else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_recipe_file(command: argparse.ArgumentParser) -> None:
    """Add a recipe, or a manifest that holds one."""
    command.add_argument(
        "recipe", help="the dataset recipe (TOML), or the manifest of a file, which holds its recipe"
    )


def add_recipe(command: argparse.ArgumentParser) -> None:
    """Add a recipe, where its corpora are, and its overrides."""
    add_recipe_file(command)
    command.add_argument(
        "--data", metavar="DIR", help="the folder in which relative locations are looked up first"
    )
    command.add_argument(
        "--mirror",
        metavar="PREFIX=REPLACEMENT",
        action="append",
        default=[],
        help="read https locations that begin with PREFIX from elsewhere (repeatable)",
    )
    command.add_argument(
        "--offline", action="store_true", help="contact no server: read only what is cached, or fail"
    )
    add_overrides(command)


def add_overrides(command: argparse.ArgumentParser) -> None:
    """Add what changes a recipe."""
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a key of the recipe, such as sources.pile.weight=2 (repeatable)",
    )
    command.add_argument(
        "--allow-code",
        action="store_true",
        help="allow the recipe to name adapters as package.module:Class, whose code is then run",
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """Add the calibration file to write."""
    command.add_argument(
        "--out",
        metavar="FILE",
        help="the .jsonl file to write (default: the recipe's `output`, or else NAME.jsonl)",
    )


def add_rejects(command: argparse.ArgumentParser) -> None:
    """Add the file of what was left out."""
    command.add_argument(
        "--rejects",
        metavar="FILE",
        help="write what was rejected or filtered: source, position, reason, and excerpt or detail",
    )


def add_quantizer(
    command: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup, meaning: str, *others: str
) -> None:
    """Add the choice of a quantizer, under other names as well."""
    names = get_args(QuantizerName)
    command.add_argument(
        "--for", *others, dest="quantizer", metavar="NAME", choices=names,
        help=f"{meaning}: {', '.join(names)}",
    )  # fmt: skip


def add_workers(command: argparse.ArgumentParser) -> None:
    """Add the option that says how many processes examine documents."""
    command.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        default=1,
        help="the processes that examine documents; what is written is the same for any number (default: 1)",
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Add how much is printed, and in which form."""
    add_quiet(command)
    add_json(command)


def add_verbose(command: argparse.ArgumentParser) -> None:
    """Add whether general pitfalls are printed."""
    command.add_argument(
        "--verbose", "-v", action="store_true", help="print as well what can go wrong whatever the file"
    )


def add_quiet(command: argparse.ArgumentParser) -> None:
    """Add whether only errors are printed."""
    command.add_argument("--quiet", "-q", action="store_true", help="print nothing but errors")


def add_json(command: argparse.ArgumentParser) -> None:
    """Add whether the result is printed as JSON."""
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def positive_or_all(text: str) -> int | None:
    """Return a whole number above 0, or None for ``all``."""
    return None if text == "all" else positive(text)


def positive(text: str) -> int:
    """Return a whole number above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return number
