"""Loading a recipe from TOML, with all its faults found at once and named by their keys."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from calibset.core.errors import RecipeError
from calibset.core.locations import parse_location
from calibset.core.validation_errors import describe_error
from calibset.recipe.inheritance import EXTENDS, Inherited, inherit
from calibset.recipe.model import EXCLUDE, SOURCE_ONLY_KEYS, Recipe
from calibset.recipe.overrides import apply_change, apply_override
from calibset.recipe.toml_file import parse_toml, read_toml_text
from calibset.recipe.validation import find_mixture_faults, find_recipe_faults
from calibset.sources import Source, get_adapter
from calibset.storage.given_rows import GIVEN

_RENAMED_KEYS = {"consumer": "quantizer"}
# Names are compared with each other only among so many.
_MOST_COMPARED = 1_000


Overrides = Iterable[str] | Mapping[str, Any]
"""Values that replace those of a recipe: ``key.path=value`` in TOML, or by key path as values of Python."""


def load_recipe(
    path: str | Path,
    *,
    overrides: Overrides = (),
    allow_code: bool = False,
    given: Collection[str] = (),
) -> Recipe:
    """Read a recipe from a file.

    Args:
        path: A TOML file.
        overrides: Values that replace those in the file, each written ``key.path=value``; the value is
            TOML, or else taken as a string. Or a mapping of key paths to values.
        allow_code: Whether an adapter named ``package.module:Class`` may be imported; its module
            may be in the recipe's folder.
        given: The sources whose rows a program gives to `build`, so that they need no ``where``.

    Raises:
        RecipeError: The file can't be read or has faults, all of which are named.
    """
    path = Path(path)
    text = read_toml_text(path)
    with _import_from(path.parent) if allow_code else nullcontext():
        return _parse(text, str(path), overrides, given, allow_code=allow_code, path=path)


def parse_recipe(
    text: str,
    *,
    origin: str = "recipe",
    overrides: Overrides = (),
    allow_code: bool = False,
    given: Collection[str] = (),
    path: Path | None = None,
) -> Recipe:
    """Read a recipe from TOML text.

    Args:
        text: The TOML.
        origin: The name of the text in messages.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.
        given: As for `load_recipe`.
        path: The file that the text is to be written to; its relative locations start in that folder.

    Raises:
        RecipeError: The text has faults, all of which are named.
    """
    return _parse(text, origin, overrides, given, allow_code=allow_code, path=path)


def change_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return a recipe with other values of some keys, which are checked as those of a file are.

    Args:
        recipe: The recipe.
        changes: The values, by key path.

    Raises:
        RecipeError: A value is wrong, or there is no such key.
    """
    raw = recipe.model_dump(mode="json", exclude_unset=True)
    raw["sources"] = {
        name: {**table, "type": recipe.sources[name].type} for name, table in raw["sources"].items()
    }
    raw[EXCLUDE] = [
        {"name": name, "type": recipe.exclude[name].type}
        | {key: value for key, value in table.items() if key not in SOURCE_ONLY_KEYS}
        for name, table in raw.get(EXCLUDE, {}).items()
    ]
    before = find_tables(deepcopy(raw))
    faults = [fault for path, value in changes.items() for fault in apply_change(raw, path, value)]
    # An adapter that a program made is not found by the name of its type, so what is the same stays as it is.
    same = {name for name, table in find_tables(raw) if (name, table) in before}
    known = {name: source for name, source in recipe.corpora.items() if name in same}
    changed = Inherited(raw=raw, bases=recipe.bases, faults=tuple(faults))
    return _validate(changed, "", known, allow_code=True, path=recipe.path)


def find_tables(raw: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables of sources and evaluation sets, each with its name."""
    named, listed = raw.get("sources"), raw.get(EXCLUDE)
    tables = list(named.items()) if isinstance(named, dict) else []
    if isinstance(listed, list):
        tables += [(str(table.get("name")), table) for table in listed if isinstance(table, dict)]
    return [(name, table) for name, table in tables if isinstance(table, dict)]


def read_recorded_recipe(
    data: Mapping[str, Any],
    path: Path,
    *,
    overrides: Overrides = (),
    allow_code: bool = False,
    given: Collection[str] = (),
) -> Recipe:
    """Read a recipe from what a manifest records of it.

    Args:
        data: The record, as `calibset.recipe.portable.portable_recipe` makes it.
        path: The manifest; relative locations are looked up in its folder.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.
        given: As for `load_recipe`.

    Raises:
        RecipeError: The record has faults, all of which are named.
    """
    raw = _drop_unset(data)
    for _, table in find_tables(raw):
        _drop_equal(table, "hygiene", raw.get("hygiene"))
    for key, info in Recipe.model_fields.items():
        if isinstance(info.default, BaseModel):
            _drop_equal(raw, key, info.default.model_dump(mode="json"))
    if isinstance(evaluations := raw.pop(EXCLUDE, None), dict) and evaluations:
        raw[EXCLUDE] = [
            {"name": name, **{key: value for key, value in table.items() if key not in SOURCE_ONLY_KEYS}}
            for name, table in evaluations.items()
            if isinstance(table, dict)
        ]
    with _import_from(path.parent) if allow_code else nullcontext():
        inherited = Inherited(raw=raw)
        return _override(inherited, str(path), overrides, given, allow_code=allow_code, path=path)


def _drop_unset(value: Any) -> Any:
    """Return a copy of data without the keys that are null, which a recipe leaves out."""
    if isinstance(value, Mapping):
        return {key: _drop_unset(item) for key, item in value.items() if item is not None}
    return value


def _drop_equal(raw: dict[str, Any], key: str, defaults: Any) -> None:
    """Take out of a table what is as it would be without it, since to set a key may be a fault."""
    if isinstance(raw.get(key), dict) and isinstance(defaults, dict):
        table = {name: item for name, item in raw.pop(key).items() if defaults.get(name) != item}
        if table:
            raw[key] = table


@contextmanager
def _import_from(*folders: Path) -> Iterator[None]:
    """Let modules of folders be imported for a while."""
    entries = [str(folder.resolve()) for folder in folders]
    sys.path[:0] = entries
    try:
        yield
    finally:
        for entry in entries:
            sys.path.remove(entry)


def _parse(
    text: str,
    origin: str,
    overrides: Overrides,
    given: Collection[str],
    *,
    allow_code: bool,
    path: Path | None,
) -> Recipe:
    inherited = inherit(parse_toml(text, origin), origin, path)
    folders = [base.parent for base in inherited.bases]
    with _import_from(*folders) if allow_code else nullcontext():
        return _override(inherited, origin, overrides, given, allow_code=allow_code, path=path)


def _override(
    inherited: Inherited,
    origin: str,
    overrides: Overrides,
    given: Collection[str],
    *,
    allow_code: bool,
    path: Path | None,
) -> Recipe:
    overrides = overrides if isinstance(overrides, Mapping) else tuple(overrides)
    paths = [override.partition("=")[0].strip() for override in overrides]
    raw, faults = (
        inherited.raw,
        [fault for fault in inherited.faults if fault.partition(": ")[0] not in paths],
    )
    if isinstance(overrides, Mapping):
        faults += [fault for key, value in overrides.items() for fault in apply_change(raw, key, value)]
    else:
        faults += [fault for override in overrides for fault in apply_override(raw, override)]
    tables = dict(find_tables(raw))
    for name in given:
        if tables and name not in tables:
            raise RecipeError(
                f"{origin}: sources: the recipe has no source {name!r}; it has {', '.join(tables)}"
            )
        if tables:
            tables[name].setdefault("where", GIVEN)
    return _validate(inherited.without(paths, faults), origin, {}, allow_code=allow_code, path=path)


def _validate(
    inherited: Inherited,
    origin: str,
    known: Mapping[str, Source],
    *,
    allow_code: bool,
    path: Path | None,
) -> Recipe:
    """Return the recipe that data describes.

    Args:
        inherited: The data, as TOML has it, and what was wrong with it before.
        origin: What messages call it; nothing if empty.
        known: The sources and evaluation sets that are read already, by name.
        allow_code: Whether an adapter named ``package.module:Class`` may be imported.
        path: The recipe's file.
    """
    raw, faults = inherited.raw, list(inherited.faults)
    tables: dict[str, Any] = {}
    named = raw.get("sources")
    if isinstance(named, dict):
        tables["sources"] = _read_sources(named, faults, allow_code, known)
    tables[EXCLUDE] = _read_evaluation_sets(raw, faults, allow_code, known)
    recipe: Recipe | None = None
    try:
        context = {"path": path, "bases": inherited.bases}
        recipe = Recipe.model_validate({**raw, **tables}, context=context)
    except ValidationError as error:
        # If every source has a fault of its own, it is no news that none is left.
        ignored = ("sources",) if named and tables.get("sources") == {} else None
        faults += [_describe(detail) for detail in error.errors() if detail["loc"] != ignored]
    # Faults between keys, of which a base may have one, are the recipe's.
    between = list(find_mixture_faults(raw))
    if recipe is not None:
        between += find_recipe_faults(recipe, raw["sources"])
    if faults or between or recipe is None:
        lines = [_place(line, inherited.origin_of(line) or origin) for line in faults]
        raise RecipeError(*lines, *(_place(line, origin) for line in between))
    return recipe


def _place(fault: str, file: str) -> str:
    """Return the line of a fault with the file that it is in."""
    return fault if fault.startswith("--set ") or not file else f"{file}: {fault}"


def _describe(detail: Any) -> str:
    """Return the line for a fault that pydantic found in the recipe's own keys."""
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden" and detail["loc"] == (EXTENDS,):
        return f"{EXTENDS}: is read in the recipe's own file only; write it there"
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1 and key in _RENAMED_KEYS:
        return f"{key}: was renamed; the key is now {_RENAMED_KEYS[key]}"
    return describe_error(detail, (), Recipe)


def _read_sources(
    tables: Mapping[str, Any], faults: list[str], allow_code: bool, known: Mapping[str, Source]
) -> dict[str, Source]:
    """Return the sources that are right, and add what is wrong with the others to the faults."""
    sources = {
        name: known.get(name)
        or _read_source(table, f"sources.{name}", faults, allow_code, partial(_alike, name, tables))
        for name, table in tables.items()
    }
    return {name: source for name, source in sources.items() if source is not None}


def _alike(name: str, tables: Mapping[str, Any]) -> str:
    """Return the source whose name one without a type may be misspelled from, or nothing."""
    if len(tables) > _MOST_COMPARED:
        return ""
    others = [other for other, table in tables.items() if isinstance(table, dict) and "type" in table]
    return next(iter(get_close_matches(name, others, n=1)), "")


def _read_evaluation_sets(
    raw: Mapping[str, Any], faults: list[str], allow_code: bool, known: Mapping[str, Source]
) -> dict[str, Source]:
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
        source = known.get(name) if isinstance(name, str) else None
        source = source or _read_source({"group": EXCLUDE, **own}, key, faults, allow_code)
        if source is not None and isinstance(name, str):
            names.add(name)
            evaluation_sets[name] = source
    return evaluation_sets


def _read_source(
    table: Any, key: str, faults: list[str], allow_code: bool, find_alike: Callable[[], str] = str
) -> Source | None:
    """Return the source that a table describes, or None and add what is wrong with it to the faults."""
    if not isinstance(table, dict):
        faults.append(f"{key}: must be a table")
        return None
    kind = table.get("type")
    if not isinstance(kind, str):
        alike = find_alike()
        meant = f"is sources.{alike} meant? " if alike else ""
        faults.append(f"{key}.type: is missing; {meant}`calibset sources` lists the adapters")
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
    named = [(f"{key}.where[{index}]", location) for index, location in enumerate(source.where)]
    for number, locations in enumerate(source.fallbacks):
        named += [(f"{key}.fallbacks[{number}]", location) for location in locations]
    for place, location in named:
        try:
            parse_location(location)
        except ValueError as error:
            yield f"{place}: {error}"
