"""The text of a recipe's file, and the TOML in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from calibset.core.errors import RecipeError
from calibset.recipe.gallery import list_gallery

# Characters. The longest recipe of the gallery has some thousand.
_LARGEST = 4 * 2**20
# Keys inside each other take the parser memory with the square of their number; recipes have five.
_DEEP_KEY = re.compile(
    r"""(?:^|[\[{,])[ \t]*+(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){99}""",
    re.MULTILINE,
)


def read_toml_text(path: Path) -> str:
    """Return the text of a recipe's file.

    Raises:
        RecipeError: The file can't be read, is too large, or isn't UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            text = stream.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        is_known = isinstance(error, FileNotFoundError) and path.stem in list_gallery()
        hint = f"; `calibset init --from {path.stem}` copies the recipe of this name" if is_known else ""
        raise RecipeError(f"{path}: can't be read: {reason}{hint}") from error
    if len(text) > _LARGEST:
        raise RecipeError(f"{path}: has over 4 MiB, too much for a recipe; name what it reads as files")
    return text


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """Return what TOML text says.

    Args:
        text: The TOML.
        origin: The name of the text in messages.

    Raises:
        RecipeError: It is no TOML, or has a key of a hundred parts.
    """
    if deep := _DEEP_KEY.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise RecipeError(f"{origin}: line {line}: a key of a hundred parts or more, and no recipe has any")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
