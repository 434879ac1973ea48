"""Loading a recipe from TOML, with all its faults found at once and named by their keys."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibset.core.errors import RecipeError
from calibset.core.locations import parse_location
from calibset.core.validation_errors import describe_error
from calibset.recipe.model import EXCLUDE, SOURCE_ONLY_KEYS, Recipe
from calibset.recipe.overrides import apply_override
from calibset.recipe.validation import find_mixture_faults, find_recipe_faults
from calibset.sources import Source, get_adapter

_RENAMED_KEYS = {"consumer": "quantizer"}


def load_recipe(path: str | Path, *, overrides: Iterable[str] = (), allow_code: bool = False) -> Recipe:
    """Read a recipe from a file.

    Args:
        path: A TOML file.
        overrides: Values that replace those in the file, each written ``key.path=value``; the value is
            TOML, or else taken as a string.
        allow_code: Whether an adapter named ``package.module:Class`` may be imported; its module
            may be in the recipe's folder.

    Raises:
        RecipeError: The file can't be read or has faults, all of which are named.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RecipeError(f"{path}: can't be read: {reason}") from error
    with _import_from(path.parent) if allow_code else nullcontext():
        return _parse(text, str(path), overrides, allow_code=allow_code, path=path)


def parse_recipe(
    text: str, *, origin: str = "recipe", overrides: Iterable[str] = (), allow_code: bool = False
) -> Recipe:
    """Read a recipe from TOML text.

    Args:
        text: The TOML.
        origin: The name of the text in messages.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.

    Raises:
        RecipeError: The text has faults, all of which are named.
    """
    return _parse(text, origin, overrides, allow_code=allow_code, path=None)


@contextmanager
def _import_from(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported for a while."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _parse(
    text: str, origin: str, overrides: Iterable[str], *, allow_code: bool, path: Path | None
) -> Recipe:
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    faults = [f for override in overrides for f in apply_override(raw, override)]
    tables: dict[str, Any] = {}
    named = raw.get("sources")
    if isinstance(named, dict):
        tables["sources"] = _read_sources(named, faults, allow_code)
    tables[EXCLUDE] = _read_evaluation_sets(raw, faults, allow_code)
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate({**raw, **tables}, context={"path": path})
    except ValidationError as error:
        # If every source has a fault of its own, it is no news that none is left.
        ignored = ("sources",) if named and tables.get("sources") == {} else None
        faults += [_describe(detail) for detail in error.errors() if detail["loc"] != ignored]
    faults += find_mixture_faults(raw)
    if recipe is not None:
        faults += find_recipe_faults(recipe, raw["sources"])
    if faults or recipe is None:
        raise RecipeError(*(line if line.startswith("--set ") else f"{origin}: {line}" for line in faults))
    return recipe


def _describe(detail: Any) -> str:
    """Return the line for a fault that pydantic found in the recipe's own keys."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1 and key in _RENAMED_KEYS:
        return f"{key}: was renamed; the key is now {_RENAMED_KEYS[key]}"
    return describe_error(detail, (), Recipe)


def _read_sources(tables: Mapping[str, Any], faults: list[str], allow_code: bool) -> dict[str, Source]:
    """Return the sources that are right, and add what is wrong with the others to the faults."""
    sources = {
        name: _read_source(table, f"sources.{name}", faults, allow_code) for name, table in tables.items()
    }
    return {name: source for name, source in sources.items() if source is not None}


def _read_evaluation_sets(raw: Mapping[str, Any], faults: list[str], allow_code: bool) -> dict[str, Source]:
    """Return the evaluation sets that are right, and add what is wrong with the others to the faults."""
    tables, sources = raw.get(EXCLUDE, []), raw.get("sources")
    if not isinstance(tables, list):
        faults.append(f"{EXCLUDE}: must be a list of tables: [[{EXCLUDE}]]")
        return {}
    names = set(sources) if isinstance(sources, dict) else set()
    evaluation_sets = {}
    for index, table in enumerate(tables):
        key = f"{EXCLUDE}[{index}]"
        if not isinstance(table, dict):
            faults.append(f"{key}: must be a table")
            continue
        faults += [
            f"{key}.{extra}: evaluation sets have no such key" for extra in SOURCE_ONLY_KEYS if extra in table
        ]
        name = table.get("name")
        if not isinstance(name, str):
            faults.append(f"{key}.name: " + ("is missing" if name is None else "must be a text"))
        elif not name:
            faults.append(f"{key}.name: must not be empty")
        elif name in names:
            faults.append(f"{key}.name: {name!r} is already the name of another table")
        own = {key: value for key, value in table.items() if key not in ("name", *SOURCE_ONLY_KEYS)}
        source = _read_source({"group": EXCLUDE, **own}, key, faults, allow_code)
        if source is not None and isinstance(name, str):
            names.add(name)
            evaluation_sets[name] = source
    return evaluation_sets


def _read_source(table: Any, key: str, faults: list[str], allow_code: bool) -> Source | None:
    """Return the source that a table describes, or None and add what is wrong with it to the faults."""
    if not isinstance(table, dict):
        faults.append(f"{key}: must be a table")
        return None
    kind = table.get("type")
    if not isinstance(kind, str):
        faults.append(f"{key}.type: is missing; `calibset sources` lists the adapters")
        return None
    try:
        cls = get_adapter(kind, allow_code=allow_code)
    except RecipeError as error:
        faults.append(f"{key}.type: {error}")
        return None
    try:
        source = cls.model_validate(dict(table))
    except ValidationError as error:
        details = error.errors()
        # Where items of a list are wrong, pydantic says of the list, too, that it is too short.
        lists_with_faults = {detail["loc"][:-1] for detail in details if len(detail["loc"]) > 1}
        faults += [
            describe_error(detail, (key,), cls)
            for detail in details
            if detail["type"] != "too_short" or detail["loc"] not in lists_with_faults
        ]
        return None
    unreadable = list(_find_location_faults(source, key))
    faults += unreadable
    return None if unreadable else source


def _find_location_faults(source: Source, key: str) -> Iterator[str]:
    for index, location in enumerate(source.where):
        try:
            parse_location(location)
        except ValueError as error:
            yield f"{key}.where[{index}]: {error}"
