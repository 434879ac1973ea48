"""The text of a recipe's file, and the TOML in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from calibset.core.errors import RecipeError
from calibset.recipe.gallery import list_gallery


def read_toml_text(path: Path) -> str:
    """Return the text of a recipe's file.

    Raises:
        RecipeError: The file can't be read, or isn't UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        is_known = isinstance(error, FileNotFoundError) and path.stem in list_gallery()
        hint = f"; `calibset init --from {path.stem}` copies the recipe of this name" if is_known else ""
        raise RecipeError(f"{path}: can't be read: {reason}{hint}") from error


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Return what TOML text says.

    Args:
        text: The TOML.
        origin: The name of the text in messages.

    Raises:
        RecipeError: It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
