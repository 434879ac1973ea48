"""``--set key.path=value``, and the same in Python: values that replace those of a recipe."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePath
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
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    fault = _set_value(raw, keys, value)
    return [f"--set {override}: {fault}"] if fault else []


def apply_change(raw: dict[str, Any], path: str, value: Any) -> list[str]:
    """Set a key of a recipe's data, which is changed in place, to a value of Python's; return the faults.

    Examples:
        >>> raw = {"sources": {"pile": {"weight": 1}}}
        >>> apply_change(raw, "sources.pile.weight", 2), raw
        ([], {'sources': {'pile': {'weight': 2}}})
    """
    keys = _parse_path(path)
    if not keys:
        return [f"{path}: is no key; must read key.path"]
    fault = _find_unknown_source(raw, keys) or _set_value(raw, keys, _to_toml(value))
    return [f"{path}: {fault}"] if fault else []


def _set_value(raw: dict[str, Any], keys: list[str], value: Any) -> str:
    """Set a key; return what is wrong if a key on its way is no table, or else nothing."""
    table = raw
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            return f"{key} is a value, not a table"
    table[keys[-1]] = value
    return ""


def _to_toml(value: Any) -> Any:
    """Return a value with lists, texts and tables as TOML has them."""
    if isinstance(value, Mapping):
        return {str(key): _to_toml(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_toml(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value


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
