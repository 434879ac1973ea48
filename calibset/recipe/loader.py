"""A recipe read from TOML: every fault at once, with its place in the file."""

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
from calibset.core.validation_errors import fault
from calibset.recipe.model import EXCLUDE, OF_SOURCES, Recipe
from calibset.recipe.overrides import applied
from calibset.recipe.validation import faults_between, mixture_faults
from calibset.sources import Source, adapter


def load_recipe(path: str | Path, *, overrides: Iterable[str] = (), allow_code: bool = False) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file.
        overrides: ``key.path=value`` each, in place of what the file says; the value as TOML
            would have it, or else a string.
        allow_code: Whether an adapter named ``package.module:Class`` may be imported; its module
            may stand beside the recipe.

    Raises:
        RecipeError: The file can't be read, or has faults; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise RecipeError(f"{path}: can't be read: {reason}") from error
    with _importable(path.parent) if allow_code else nullcontext():
        recipe = parse_recipe(text, origin=str(path), overrides=overrides, allow_code=allow_code)
    recipe._path = path  # noqa: SLF001  (the model is frozen; its file's place is not a key)
    return recipe


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let an adapter's module stand beside the recipe that names it."""
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


def parse_recipe(
    text: str, *, origin: str = "recipe", overrides: Iterable[str] = (), allow_code: bool = False
) -> Recipe:
    """Read a recipe from TOML text; see `load_recipe`.

    Args:
        text: The TOML.
        origin: What messages call it.
        overrides: As for `load_recipe`.
        allow_code: As for `load_recipe`.

    Raises:
        RecipeError: The text has faults; all of them are named.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
        raise RecipeError(f"{origin}: not valid TOML: {error}") from error
    faults: list[str] = []
    for override in overrides:
        faults += applied(raw, override)
    sources = _sources(raw.get("sources"), faults, allow_code)
    excluded = _excluded(raw, faults, allow_code)
    found: Recipe | None = None
    try:
        readable = isinstance(raw.get("sources"), dict)
        tables = {"exclude": excluded} | ({"sources": sources} if readable else {})
        found = Recipe.model_validate({**raw, **tables})
    except ValidationError as error:
        emptied = isinstance(raw.get("sources"), dict) and raw["sources"] and not sources
        details = [d for d in error.errors() if not (emptied and d["loc"] == ("sources",))]
        faults += [fault(detail, (), Recipe) for detail in details]
    faults += mixture_faults(raw)
    if found is not None:
        faults += faults_between(found, raw["sources"])
    if faults or found is None:
        raise RecipeError(*(line if line.startswith("--set ") else f"{origin}: {line}" for line in faults))
    return found


def _sources(raw: Any, faults: list[str], allow_code: bool) -> dict[str, Source]:
    """Return the sources that are right, and note what is wrong with the others."""
    found = {}
    for name, table in raw.items() if isinstance(raw, dict) else ():
        source = _source(table, ("sources", name), faults, allow_code)
        if source is not None:
            found[name] = source
    return found


def _excluded(raw: Mapping[str, Any], faults: list[str], allow_code: bool) -> dict[str, Source]:
    """Return the evaluation sets that are right, by name, and note what is wrong with the others."""
    tables, sources, found = raw.get(EXCLUDE, []), raw.get("sources"), {}
    sources = sources if isinstance(sources, dict) else {}
    if not isinstance(tables, list):
        faults.append(f"{EXCLUDE}: must be a list of tables: [[{EXCLUDE}]]")
        return {}
    for number, table in enumerate(tables):
        place = f"{EXCLUDE}[{number}]"
        if not isinstance(table, dict):
            faults.append(f"{place}: must be a table")
            continue
        faults += [f"{place}.{key}: an evaluation set has none" for key in OF_SOURCES if key in table]
        name = table.get("name")
        if not isinstance(name, str):
            faults.append(f"{place}.name: " + ("is missing" if name is None else "must be a text"))
        elif not name:
            faults.append(f"{place}.name: must not be empty")
        elif name in found or name in sources:
            faults.append(f"{place}.name: {name!r} is the name of another")
        own = {key: value for key, value in table.items() if key not in ("name", *OF_SOURCES)}
        source = _source({"group": EXCLUDE, **own}, (place,), faults, allow_code)
        if source is not None and isinstance(name, str):
            found[name] = source
    return found


def _source(table: Any, path: tuple[str, ...], faults: list[str], allow_code: bool) -> Source | None:
    where = ".".join(path)
    if not isinstance(table, dict):
        faults.append(f"{where}: must be a table")
        return None
    kind = table.get("type")
    if not isinstance(kind, str):
        faults.append(f"{where}.type: is missing; `calibset sources` lists the adapters")
        return None
    try:
        cls = adapter(kind, allow_code=allow_code)
    except RecipeError as error:
        faults.append(f"{where}.type: {error}")
        return None
    try:
        source = cls.model_validate(dict(table))
    except ValidationError as error:
        details = error.errors()
        # Of a list whose items are wrong pydantic says too that it is too short.
        deeper = {detail["loc"][:-1] for detail in details if len(detail["loc"]) > 1}
        faults += [
            fault(detail, path, cls)
            for detail in details
            if detail["type"] != "too_short" or detail["loc"] not in deeper
        ]
        return None
    before = len(faults)
    for number, place in enumerate(source.where):
        try:
            parse_location(place)
        except ValueError as error:
            faults.append(f"{where}.where[{number}]: {error}")
    return source if len(faults) == before else None
