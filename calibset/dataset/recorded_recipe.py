"""The recipe that a manifest records, to build its file again."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from pathlib import Path

from calibset.core.errors import RecipeError
from calibset.dataset.manifest import Manifest
from calibset.recipe.loader import Overrides, load_recipe, read_recorded_recipe
from calibset.recipe.model import EXCLUDE, Recipe


def load_recipe_or_manifest(
    path: str | Path,
    *,
    overrides: Overrides = (),
    allow_code: bool = False,
    given: Collection[str] = (),
) -> Recipe:
    """Read a recipe from a TOML file, or the one that a manifest records, with the commits that were read.

    Args:
        path: The TOML file, or ``x.manifest.json``.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.
        given: As for `load_recipe`.

    Raises:
        RecipeError: The file can't be read, or the recipe has faults.
        OutputError: The manifest can't be read.
    """
    path = Path(path)
    if not path.name.endswith(".manifest.json"):
        return load_recipe(path, overrides=overrides, allow_code=allow_code, given=given)
    manifest = Manifest.read(path)
    if manifest is None:
        raise RecipeError(f"{path}: can't be read: No such file or directory")
    data = deepcopy(dict(manifest.recipe))
    for table, reports in (("sources", manifest.sources), (EXCLUDE, manifest.evaluations)):
        recorded = data.get(table)
        for report in reports:
            source = recorded.get(report.name) if isinstance(recorded, dict) else None
            if report.revision and isinstance(source, dict):
                source["revision"] = report.revision
    return read_recorded_recipe(data, path, overrides=overrides, allow_code=allow_code, given=given)
