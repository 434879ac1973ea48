"""The parsers of the commands on what recipes and builds use."""

from __future__ import annotations

import argparse

from calibset.cli.parser_common import Commands, add_command, add_json, add_output


def add_resource_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands on the cache, tokenizers, adapters and the shell."""
    for add in (_add_cache, _add_tokenizer, _add_recipes, _add_sources, _add_schema, _add_completion):
        add(commands)


def _add_cache(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "cache",
        "list or clear what was read from servers and is kept on this machine",
        "calibset cache list",
        "The folder is CALIBSET_CACHE, else HF_HOME/calibset, else the system's usual one.\n",
    )
    command.add_argument("action", choices=["list", "clear"], help="what to do")
    add_json(command)


def _add_tokenizer(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "tokenizer",
        "write a folder that AutoTokenizer loads as a fast tokenizer that parses control tokens",
        "calibset tokenizer mistral-small-3.2 --out tokenizer",
        "AutoRound needs such a tokenizer to read control tokens in rows of text: from a model folder with\n"
        "only a tekken.json it loads one that reads them as plain text.\n",
    )
    command.add_argument("name", help="a known tokenizer, or the path of a tekken.json")
    command.add_argument("--out", metavar="DIR", required=True, help="the folder to write")
    add_output(command)


def _add_recipes(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "recipes",
        "list the recipes that come with calibset: what each is for, its model, its licences",
        "calibset recipes\n  calibset init --from coding",
        'A recipe that says `extends = "coding"` is a variant of one: it says only what it changes.\n',
    )
    add_json(command)


def _add_sources(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands, "sources", "list the source adapters, or the keys of one", "calibset sources bitext"
    )
    command.add_argument("name", nargs="?", help="an adapter, to see its keys")
    command.add_argument("--allow-code", action="store_true", help="allow NAME to be package.module:Class")
    add_json(command)


def _add_completion(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "completion",
        "print a script that completes commands and options in your shell",
        "calibset completion bash > ~/.local/share/bash-completion/completions/calibset",
        "For zsh, write it to _calibset in a folder of fpath; for fish, to\n"
        "~/.config/fish/completions/calibset.fish.\n",
    )
    command.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")


def _add_schema(commands: Commands[argparse.ArgumentParser]) -> None:
    add_command(
        commands,
        "schema",
        "print the JSON Schema of a recipe, for editors that check TOML",
        "calibset schema > recipe.schema.json",
    )
