"""A recipe that needs no other file: what it extends is written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calibset.core.locations import redact_location
from calibset.recipe.inheritance import EXTENDS, inherit
from calibset.recipe.loader import find_tables
from calibset.recipe.toml_file import parse_toml, read_toml_text
from calibset.recipe.toml_text import write_toml

_LOCATIONS = ("where", "fallbacks", "scores")


def read_standalone(path: Path) -> bytes:
    """Return the bytes of a recipe's file; of one that extends another, TOML with all that it takes over.

    Comments are lost then, and absolute paths are reduced to their last part, as in manifests.

    Args:
        path: The recipe's file.

    Raises:
        RecipeError: It or a base can't be read, or is no TOML.
    """
    raw = parse_toml(read_toml_text(path), str(path))
    if EXTENDS not in raw:
        return path.read_bytes()
    data = inherit(raw, str(path), path).raw
    for key in ("tokenizer", "output"):
        if key in data:
            data[key] = _redact(data[key])
    for _, table in find_tables(data):
        table |= {key: _redact(table[key]) for key in _LOCATIONS if key in table}
    return f"# What it extends is written in.\n{write_toml(data)}".encode()


def _redact(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_redact, value))
    return redact_location(value) if isinstance(value, str) else value
