"""What the arguments of several commands have in common."""

from __future__ import annotations

import argparse

Commands = argparse._SubParsersAction  # noqa: SLF001  (argparse has no public name for it)


def add(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, example: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command: a line of what it does, an example, and what else to say of it."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}\n" + (f"\n{more}" if more else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_recipe(command: argparse.ArgumentParser) -> None:
    """Let a command take a recipe, where its places are, and overrides."""
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
    add_set(command)


def add_set(command: argparse.ArgumentParser) -> None:
    """Let a command override keys of a recipe, and run adapters of others."""
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


def add_rejects(command: argparse.ArgumentParser) -> None:
    """Let a command write what came into no file."""
    command.add_argument(
        "--rejects",
        metavar="FILE",
        help="write what was rejected or left out: source, place, reason, and excerpt or detail",
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a command say nothing, or say it as JSON."""
    add_quiet(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def positive(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return number


def add_quiet(command: argparse.ArgumentParser) -> None:
    """Let a command say nothing but errors."""
    command.add_argument("--quiet", "-q", action="store_true", help="say nothing but errors")
