"""TOML text from data: single values, and whole recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any

from calibset.core.text import printable_json, replace_surrogates


def format_toml(value: Any) -> str:
    """Return a value as TOML writes it on one line.

    Examples:
        >>> print(format_toml({"where": ("a b.csv",), "weight": 2, "a.b": True}))
        { where = ["a b.csv"], weight = 2, "a.b" = true }
    """
    if isinstance(value, str):
        # JSON's strings are TOML's, but for DEL and halves of surrogate pairs.
        return printable_json(json.dumps(replace_surrogates(value), ensure_ascii=False))
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{format_key(key)} = {format_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(format_toml, value))}]"
    if isinstance(value, date | time):
        return value.isoformat()
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def format_key(name: str) -> str:
    """Return a key as TOML writes it, in quotes if it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else format_toml(name)


def write_toml(data: Mapping[str, Any]) -> str:
    """Return data as TOML text, with a table for each source and each of a list of tables."""
    return "\n".join(_write_tables(data, "")).lstrip("\n") + "\n"


def _write_tables(data: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _write_lines({key: value for key, value in data.items() if not _is_table(value)})
    for key, value in data.items():
        name = f"{at}{format_key(key)}"
        if not _is_table(value):
            continue
        if isinstance(value, list):
            for table in value:
                yield f"\n[[{name}]]"
                yield from _write_lines(table)
        elif all(isinstance(item, Mapping) and item for item in value.values()):
            yield from _write_tables(value, f"{name}.")
        else:
            yield f"\n[{name}]"
            yield from _write_lines(value)


def _write_lines(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{format_key(key)} = {format_toml(value)}" for key, value in table.items())


def _is_table(value: Any) -> bool:
    """Whether a value is a table, or a list of tables, with anything in it."""
    tables = value if isinstance(value, list) else [value]
    return bool(tables) and all(isinstance(table, Mapping) and table for table in tables)
