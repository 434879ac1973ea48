"""The gallery: the recipes that come with calibset, found by name."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from calibset.core.errors import RecipeError

_PACKAGE = "calibset"


def find_gallery() -> Path:
    """Return the folder of the recipes: in the installed package, or in the checkout that it is used from."""
    installed = Path(str(files(_PACKAGE) / "gallery"))
    return installed if installed.is_dir() else Path(str(files(_PACKAGE))).parent / "recipes"


def list_gallery() -> tuple[str, ...]:
    """Return the names of the recipes, in order."""
    return tuple(sorted(path.stem for path in find_gallery().glob("*.toml")))


def find_gallery_recipe(name: str) -> Path:
    """Return the file of a recipe.

    Args:
        name: Its name; a dash in it may stand for an underscore.

    Raises:
        RecipeError: There is none of this name.
    """
    names = list_gallery()
    wanted = name.replace("-", "_")
    if wanted in names:
        return find_gallery() / f"{wanted}.toml"
    close = get_close_matches(wanted, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise RecipeError(f"no recipe {name!r} in the gallery; {hint}")
