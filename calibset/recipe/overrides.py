"""``--set key.path=value``: one key of a recipe in place of what its file says."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import Any

# Keys that a source cannot be without: they may begin a new one.
_OF_A_NEW_SOURCE = ("type", "group", "where")


def applied(raw: dict[str, Any], override: str) -> list[str]:
    """Put a value into a recipe's data.

    Args:
        raw: The recipe as TOML has it; is changed.
        override: ``key.path=value``; the value as TOML would have it, or else a string.

    Returns:
        What is wrong with the override; nothing if it is in place.

    Examples:
        >>> raw = {"sources": {"pile": {"weight": 1}}}
        >>> applied(raw, "sources.pile.weight=2"), raw
        ([], {'sources': {'pile': {'weight': 2}}})
        >>> applied(raw, "sources.piel.weight=2")
        ["--set sources.piel.weight=2: no source 'piel'; did you mean pile?"]
    """
    path, sign, value = override.partition("=")
    keys = _keys(path)
    if not sign or not keys:
        return [f"--set {override}: must read key.path=value, such as sources.pile.weight=2"]
    if stranger := _stranger(raw, keys):
        return [f"--set {override}: {stranger}"]
    table = raw
    for key in keys[:-1]:
        below = table.setdefault(key, {})
        if not isinstance(below, dict):
            return [f"--set {override}: {key} is a value, not a table"]
        table = below
    try:
        table[keys[-1]] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        table[keys[-1]] = value
    return []


def _keys(path: str) -> list[str]:
    """Return the keys of a dotted path as TOML reads it, quoted ones too; none if it is no path."""
    try:
        table: Any = tomllib.loads(f"{path} = 0")
    except (ValueError, RecursionError):
        return []
    keys = []
    while isinstance(table, dict) and len(table) == 1:
        ((key, table),) = table.items()
        keys.append(key)
    return keys if table == 0 else []


def _stranger(raw: dict[str, Any], keys: list[str]) -> str:
    """Say that an override is of a source that isn't there, if so."""
    known = raw.get("sources")
    if len(keys) < 3 or keys[0] != "sources" or keys[-1] in _OF_A_NEW_SOURCE or not isinstance(known, dict):
        return ""
    if keys[1] in known:
        return ""
    close = get_close_matches(keys[1], known, n=1)
    return f"no source {keys[1]!r}; " + (
        f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    )
