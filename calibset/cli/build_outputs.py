"""Where a build may write: checked before anything is read, which may take an hour."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli.recipe_files import find_holdout
from calibset.core.environment import DATA
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.lockfile import lock_path
from calibset.dataset.manifest import manifest_path
from calibset.quantizers import Quantizer, get_quantizer

if TYPE_CHECKING:
    from calibset.recipe.model import Recipe


def require_outputs(recipe: Recipe, arguments: Namespace) -> tuple[Path, Path | None]:
    """Return the paths of the file and its holdout, and refuse those that can't be written or used."""
    path = Path(arguments.out) if arguments.out else recipe.file
    second = find_holdout(recipe, path)
    outputs = {f"--out {path}" if arguments.out else str(path): path} | (
        {f"holdout.output {second}": second} if second else {}
    )
    for name, file in outputs.items():
        require_usable(file, name, get_quantizer(recipe.quantizer))
    require_apart(outputs, arguments.rejects, find_inputs(recipe, arguments))
    return path, second


def require_usable(file: Path, name: str, quantizer: Quantizer) -> None:
    """Refuse a path that the quantizer would misread, or that can't be written."""
    if file.suffix != ".jsonl":
        raise RecipeError(f"{name}: must end in .jsonl")
    if problems := quantizer.path_problems(str(file)):
        product = quantizer.info.product
        raise RecipeError(*(f"{name}: {product} can't be given this file: {problem}" for problem in problems))
    require_writable_folder(file, name)


def require_writable_folder(path: Path, name: str) -> None:
    """Refuse a path in a folder in which nothing can be written."""
    folder = next(parent for parent in path.absolute().parents if os.path.isdir(parent))  # noqa: PTH112
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{name}: {folder} can't be written to")


def find_inputs(recipe: Recipe, arguments: Namespace) -> dict[Path, str]:
    """Return the paths of this machine that a build may read, and what stands at each."""
    data = arguments.data or DATA.read() or "."
    inputs = {Path(arguments.recipe): "the recipe", lock_path(Path(arguments.recipe)): "the recipe's lock"}
    inputs |= dict.fromkeys(recipe.bases, "the recipe that this one extends")
    for name, source in recipe.corpora.items():
        for location in chain(source.where, *source.fallbacks):
            if "://" not in location:
                candidates = (folder / location for folder in (Path(), Path(data), recipe.folder))
                inputs |= dict.fromkeys(candidates, recipe.key_of(name))
    resolved = {path.absolute().resolve(): name for path, name in inputs.items()}
    # A source that is the working folder, or a folder above it, reads only files of some names there.
    working_folder = Path.cwd().resolve()
    return {path: name for path, name in resolved.items() if not working_folder.is_relative_to(path)}


def require_apart(outputs: Mapping[str, Path], rejects: str | None, inputs: Mapping[Path, str]) -> None:
    """Refuse to write over a file that is read, or one output over another."""
    files = {name: [path, manifest_path(path)] for name, path in outputs.items()}
    if rejects:
        files[f"--rejects {rejects}"] = [Path(rejects)]
    names_by_path: dict[Path, str] = {}
    for name, paths in files.items():
        for path in paths:
            resolved = path.absolute().resolve()
            if reader := next((inputs[p] for p in (resolved, *resolved.parents) if p in inputs), None):
                remedy = "name another file" + (" with --out FILE" if name == str(paths[0]) else "")
                raise RecipeError(f"{name}: {path} is read by {reader}; {remedy}")
            if (other := names_by_path.setdefault(resolved, name)) != name:
                raise RecipeError(f"{name}: {path} is written by {other} already; name another file")
