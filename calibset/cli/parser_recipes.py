"""What the commands of a recipe take."""

from __future__ import annotations

import argparse

from calibset.cli.parser_common import Commands, add, add_output, add_quiet, add_recipe, add_rejects, add_set

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


def add_recipe_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands that read a recipe."""
    _build(commands)
    _plan(commands)
    _check(commands)
    _lock(commands)
    _quantize_command(commands)


def _build(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "build",
        "build a calibration file and its manifest",
        "calibset build recipes/slovak_insurance.toml --data ~/corpora --out sk.jsonl --set seed=7",
        _PLACES + "\n" + _LOCK,
    )
    add_recipe(command)
    command.add_argument(
        "--out", metavar="FILE", help="the .jsonl to write; the recipe's output, or NAME.jsonl"
    )
    add_rejects(command)
    command.add_argument(
        "--locked", action="store_true", help="fail unless all is as the recipe's lock says, to the byte"
    )
    add_output(command)


def _plan(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "plan",
        "show what a build would read and how much of it; downloads no data",
        "calibset plan recipes/slovak_insurance.toml --set nsamples=128",
        _PLACES,
    )
    add_recipe(command)
    add_output(command)


def _check(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "check",
        "read every source to its end and count documents, rejections and what was filtered",
        "calibset check recipes/quickstart.toml",
        _PLACES,
    )
    add_recipe(command)
    add_rejects(command)
    add_output(command)


def _lock(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "lock",
        "write down what a build depends on, so that it can be built again byte for byte",
        "calibset lock recipes/quickstart.toml\n  calibset build --locked recipes/quickstart.toml",
        _LOCK + "It builds the set to know, at the commits that its places have now.\n",
    )
    add_recipe(command)
    add_quiet(command)


def _quantize_command(commands: Commands[argparse.ArgumentParser]) -> None:
    command = add(
        commands,
        "quantize-command",
        "print the AutoRound command line and Python code that quantize a model with a recipe's file",
        "calibset quantize-command recipes/slovak_insurance.toml --model ../Mistral-Small-3.2-24B",
        "The recipe's table [quantization] says how. Nothing is run; each oddity has its reason beside it.\n",
    )
    command.add_argument("recipe", help="a dataset recipe (TOML)")
    command.add_argument("--model", metavar="PATH", required=True, help="the model's folder, or OWNER/NAME")
    command.add_argument("--file", metavar="FILE", help="the calibration file; the recipe's own if not given")
    command.add_argument("--ids", metavar="FILE", help="exact ids that `calibset export` wrote, in its place")
    command.add_argument(
        "--autoround", metavar="VERSION", help="AutoRound's version; the installed one, else the newest known"
    )
    kind = command.add_mutually_exclusive_group()
    kind.add_argument("--multimodal", action="store_true", help="the model reads pictures, too")
    kind.add_argument(
        "--text-only", action="store_true", help="it does not; its config.json tells if it is there"
    )
    add_set(command)
    command.add_argument(
        "--only", choices=["command", "python"], help="print the command line, or the Python code, alone"
    )
