"""The recipe of a command: how it is read, where it is written, and which files it gives."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.calibration_file import holdout_path

if TYPE_CHECKING:
    from calibset.recipe.model import Recipe


def load_recipe(arguments: Namespace) -> Recipe:
    """Return the recipe that a command line names, with its changes."""
    from calibset.dataset.recorded_recipe import load_recipe_or_manifest

    return load_recipe_or_manifest(arguments.recipe, overrides=arguments.set, allow_code=arguments.allow_code)


def read_options(arguments: Namespace) -> dict[str, Any]:
    """Return where a command reads from."""
    return {"data": arguments.data, "mirrors": arguments.mirror, "offline": arguments.offline}


def find_holdout(recipe: Recipe, file: Path) -> Path | None:
    """Return where the holdout of a recipe's file is written; None if there is none."""
    return Path(recipe.holdout.output or holdout_path(file)) if recipe.holdout else None


def require_toml(path: Path) -> None:
    """Make sure that a file may hold a recipe."""
    if path.suffix != ".toml":
        raise RecipeError(f"--out {path}: must end in .toml")


def require_folder(path: Path) -> None:
    """Make sure that the folder of a file is there."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")


def require_free(path: Path, *, force: bool) -> None:
    """Make sure that nothing is written over that nobody asked to."""
    if path.exists() and not force:
        raise OutputError(f"{path}: is there already; name another with --out, or write over it with --force")
