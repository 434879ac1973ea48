"""``--set key.path=value``: values that replace those in a recipe's file."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import Any

# Keys that every source needs: setting one of them may begin a new source.
_KEYS_OF_A_NEW_SOURCE = ("type", "group", "where")


def apply_override(raw: dict[str, Any], override: str) -> list[str]:
    """Apply an override to a recipe's data.

    Args:
        raw: The recipe's parsed TOML, which is changed in place.
        override: ``key.path=value``; the value is TOML, or else taken as a string.

    Returns:
        The faults of the override; empty if it was applied.

    Examples:
        >>> raw = {"sources": {"pile": {"weight": 1}}}
        >>> apply_override(raw, "sources.pile.weight=2"), raw
        ([], {'sources': {'pile': {'weight': 2}}})
        >>> apply_override(raw, "sources.piel.weight=2")
        ["--set sources.piel.weight=2: no source 'piel'; did you mean pile?"]
    """
    path, sign, text = override.partition("=")
    keys = _parse_path(path)
    if not sign or not keys:
        return [f"--set {override}: must read key.path=value, such as sources.pile.weight=2"]
    if fault := _find_unknown_source(raw, keys):
        return [f"--set {override}: {fault}"]
    table = raw
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            return [f"--set {override}: {key} is a value, not a table"]
    try:
        table[keys[-1]] = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        table[keys[-1]] = text
    return []


def _parse_path(path: str) -> list[str]:
    """Return the keys of a dotted path as TOML reads it, quoted ones too; none if it is not a path."""
    try:
        table: Any = tomllib.loads(f"{path} = 0")
    except (ValueError, RecursionError):
        return []
    keys = []
    while isinstance(table, dict) and len(table) == 1:
        ((key, table),) = table.items()
        keys.append(key)
    return keys if table == 0 else []


def _find_unknown_source(raw: dict[str, Any], keys: list[str]) -> str:
    """Say that the source of an override doesn't exist; empty if it does, or if the override begins it."""
    names = raw.get("sources")
    if len(keys) < 3 or keys[0] != "sources" or not isinstance(names, dict):
        return ""
    if keys[1] in names or keys[-1] in _KEYS_OF_A_NEW_SOURCE:
        return ""
    close = get_close_matches(keys[1], names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    return f"no source {keys[1]!r}; {hint}"
