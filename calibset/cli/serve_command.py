"""The command that says how a model is served: serve-config."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from calibset.cli.console import print_json
from calibset.cli.recipe_files import find_holdout, load_recipe
from calibset.core.errors import RecipeError
from calibset.evaluation.scorers.opening import is_server
from calibset.evaluation.serving.card_memory import parse_size
from calibset.evaluation.serving.commands import Measuring, write_commands
from calibset.evaluation.serving.configuration import Serving, write_configuration
from calibset.evaluation.serving.served_model import inspect_served_model
from calibset.quantizers.autoround.run import locate_tokenizer


def serve_config(arguments: Namespace) -> int:
    """Print how vLLM serves a model, and the commands that measure it."""
    for option in ("model", "base", "file", "url"):
        value = getattr(arguments, option)
        if value is not None and not value.isprintable():
            raise RecipeError(f"--{option}: {value!r} holds a character that can't be shown; rename it")
    if not is_server(arguments.url):
        raise RecipeError(f"--url {arguments.url}: must be an address, such as http://localhost:8000")
    recipe = load_recipe(arguments)
    holdout = find_holdout(recipe, Path(arguments.file or recipe.file))
    tokenizer = locate_tokenizer(recipe.tokenizer, recipe.folder)
    serving = Serving(
        model=inspect_served_model(arguments.model),
        name=recipe.name,
        seqlen=recipe.seqlen,
        # Only a tokenizer of Mistral's has to be written as a folder before transformers reads it.
        tekken=tokenizer.written_from is not None,
        options=recipe.quantization if recipe.quantizer == "autoround" else None,
        card=None if arguments.card_memory is None else parse_size(arguments.card_memory),
        wanted_length=arguments.max_model_len,
    )
    measuring = Measuring(
        url=arguments.url,
        base=arguments.base,
        holdout=None if holdout is None else str(holdout),
        tokenizer=tokenizer.written_from or tokenizer.path,
    )
    parts = {"config": write_configuration(serving), "commands": write_commands(serving, measuring)}
    if arguments.json:
        print_json(parts)
    elif arguments.only:
        sys.stdout.write(parts[arguments.only])
    else:
        sys.stdout.write(parts["config"] + "\n" + _as_comments(parts["commands"]))
    return 0


def _as_comments(commands: str) -> str:
    """Return commands as comments, so that all that is printed is a configuration."""
    lines = (
        line if line.startswith("#") else f"#   {line}" if line else "#" for line in commands.splitlines()
    )
    return "".join(f"{line}\n" for line in lines)
