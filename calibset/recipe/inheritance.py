"""``extends``: what a recipe takes over from a base, and what it changes of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from calibset.core.errors import RecipeError
from calibset.core.locations import LocalPath, parse_location
from calibset.core.validation_errors import quote_value
from calibset.recipe.gallery import find_gallery, find_gallery_recipe
from calibset.recipe.model import EXCLUDE, NAME_PATTERN
from calibset.recipe.toml_file import parse_toml, read_toml_text
from calibset.storage.given_rows import GIVEN
from calibset.tokenizers import EMBEDDED

EXTENDS = "extends"
"""The key that names a recipe's base."""

EXTENDS_HELP = (
    "The recipe that this one is a variant of: the path of a .toml file in this recipe's folder or below it, "
    "or the name of a recipe that `calibset recipes` lists. What this recipe says takes the place of what "
    "the base says. Without a `name` it is called as its file, and where to write is not taken over."
)

# Tables of tables deeper than any that a recipe has are taken as they are.
_DEEPEST = 6
# Where `false` leaves out what the base has: elsewhere it may be a value.
_MAY_LEAVE_OUT = ((), ("groups",), ("sources",))

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inherited:
    """A recipe's data with that of its bases.

    Attributes:
        raw: The data, as TOML has it, without ``extends``.
        origins: By key path, the file of the base that says it; empty for what the recipe itself says.
        bases: The files of the bases, the nearest first.
        faults: What is wrong between a recipe and its base.
    """

    raw: dict[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)
    bases: tuple[Path, ...] = ()
    faults: tuple[str, ...] = ()

    def without(self, changed: Iterable[str], faults: Iterable[str]) -> Inherited:
        """Return the same, with the faults that there are when key paths were given other values."""
        paths = dict.fromkeys(changed, "")
        kept = {
            key: name
            for key, name in self.origins.items()
            if not any(_is_within(key, path) for path in paths)
        }
        return replace(self, origins=kept | paths, faults=tuple(faults))

    def origin_of(self, fault: str) -> str:
        """Return the file of the base that a fault is in, by the key path at its head, or nothing."""
        key = fault.partition(": ")[0]
        while key and key not in self.origins:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.origins.get(key, "")


def _is_within(key: str, path: str) -> bool:
    return key == path or key.startswith((f"{path}.", f"{path}["))


@dataclass(frozen=True, slots=True)
class _Layer:
    """One of the recipes that are laid one upon another."""

    raw: dict[str, Any]
    origin: str
    path: Path | None

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path else Path()


def inherit(raw: Mapping[str, Any], origin: str, path: Path | None) -> Inherited:
    """Return a recipe's data with that of its bases.

    Args:
        raw: The recipe's own data.
        origin: What messages call it.
        path: Its file; a base that is a file is looked for in its folder.

    Raises:
        RecipeError: A base can't be found or read, or leads back to itself.
    """
    first, *bases = _read_layers(_Layer(dict(raw), origin, path))
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    faults: list[str] = []
    for layer in reversed(bases):
        own = _move_paths(layer, first.folder)
        merged = _merge(merged, own, _Notes(layer.origin, origins, faults))
    notes = _Notes("", origins, faults)
    if bases:
        _leave_outputs(merged, first, notes)
    merged = _merge(merged, first.raw, notes) if bases else first.raw
    return Inherited(
        raw=merged,
        origins=origins,
        bases=tuple(layer.path for layer in bases if layer.path),
        faults=tuple(faults),
    )


def _read_layers(layer: _Layer) -> Iterator[_Layer]:
    """Yield a recipe, its base, the base's base and so on, each without ``extends``."""
    above: list[Path] = []
    while True:
        name = layer.raw.pop(EXTENDS, None)
        yield layer
        if layer.path:
            above.append(layer.path)
        if name is None:
            return
        path = _find_base(name, layer)
        if any(os.path.realpath(path) == os.path.realpath(file) for file in above):
            chain = " → ".join(map(str, (*above, path)))
            raise RecipeError(f"{layer.origin}: {EXTENDS}: goes in a circle: {chain}")
        layer = _Layer(parse_toml(read_toml_text(path), str(path)), str(path), path)


def _find_base(name: Any, layer: _Layer) -> Path:
    """Return the file of a base."""
    place = f"{layer.origin}: {EXTENDS}"
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise RecipeError(
            f"{place}: must be the path of a .toml file or the name of a recipe that `calibset recipes` "
            f"lists, got {quote_value(name)}"
        )
    if not name.endswith(".toml"):
        try:
            return find_gallery_recipe(name)
        except RecipeError as error:
            raise RecipeError(f"{place}: {error}; the path of a file ends in .toml") from error
    path = layer.folder / name
    inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(layer.folder))
    if not inside or ".." in PurePath(name).parts:
        raise RecipeError(
            f"{place}: {name} leads out of the folder of the recipe; a base is in that folder or below it, "
            "or in the gallery"
        )
    if not os.path.isfile(path):  # noqa: PTH113  (Path.is_file raises on a name too long)
        raise RecipeError(f"{place}: {name}: no such file in the folder of the recipe")
    return path


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is noted while a recipe is laid upon its base: who says what, and what is wrong."""

    origin: str
    origins: dict[str, str]
    faults: list[str]

    def say(self, key: str) -> None:
        """Note that this recipe says a key, and all that is in it."""
        for path in [path for path in self.origins if _is_within(path, key)]:
            del self.origins[path]
        self.origins[key] = self.origin


def _leave_outputs(merged: dict[str, Any], variant: _Layer, notes: _Notes) -> None:
    """Take from the data of the bases what would have a variant write over their files."""
    merged.pop("output", None)
    if isinstance(holdout := merged.get("holdout"), dict):
        merged["holdout"] = {key: value for key, value in holdout.items() if key != "output"}
    if variant.path is None or "name" in variant.raw:
        return
    stem = variant.path.stem
    notes.say("name")
    if re.match(NAME_PATTERN, stem):
        merged["name"] = stem
    else:
        notes.faults.append(
            f"name: is missing, and the file's own, {quote_value(stem)}, can't be one: letters, digits, . _ -"
        )


def _merge(base: dict[str, Any], own: Mapping[str, Any], notes: _Notes, at: Keys = ()) -> dict[str, Any]:
    """Return a table of a base with that of the recipe laid upon it."""
    merged = dict(base)
    for key, value in own.items():
        path = ".".join((*at, key))
        before = base.get(key)
        if value is False and at in _MAY_LEAVE_OUT:
            merged.pop(key, None)
            notes.say(path)
            if key not in base:
                notes.faults.append(
                    f"{path}: false leaves out what the base has, and it has none of this name"
                )
        elif path == EXCLUDE and isinstance(before, list) and isinstance(value, list):
            merged[key] = _merge_named(before, value, notes)
        elif isinstance(value, dict) and isinstance(before, dict) and _is_merged(before, value, at):
            notes.origins[path] = notes.origin
            merged[key] = _merge(before, value, notes, (*at, key))
        else:
            merged[key] = value
            notes.say(path)
            if isinstance(value, dict) and len(at) < _DEEPEST:
                merged[key] = _merge({}, value, notes, (*at, key))
    return merged


def _is_merged(before: Mapping[str, Any], value: Mapping[str, Any], at: Keys) -> bool:
    """Whether a table changes that of the base; a source of another type takes its place."""
    is_another = at == ("sources",) and value.get("type", before.get("type")) != before.get("type")
    return len(at) < _DEEPEST and not is_another


def _merge_named(before: list[Any], own: list[Any], notes: _Notes) -> list[Any]:
    """Return a base's evaluation sets with a recipe's: what has the same name is changed."""
    merged = list(before)
    for table in own:
        name = table.get("name") if isinstance(table, dict) else None
        places = [
            n for n, one in enumerate(before) if isinstance(one, dict) and name and one.get("name") == name
        ]
        if places:
            at = (f"{EXCLUDE}[{places[0]}]",)
            merged[places[0]] = _merge(before[places[0]], table, notes, at)
        else:
            notes.say(f"{EXCLUDE}[{len(merged)}]")
            merged.append(table)
    return merged


def _move_paths(layer: _Layer, folder: Path) -> dict[str, Any]:
    """Return a base's data with its relative paths as they are from the recipe's folder."""
    raw = dict(layer.raw)
    tokenizer = raw.get("tokenizer")
    if isinstance(tokenizer, str) and tokenizer not in EMBEDDED and not tokenizer.startswith("hf://"):
        raw["tokenizer"] = _move_path(tokenizer, layer, folder)
    sources, sets = raw.get("sources"), raw.get(EXCLUDE)
    if isinstance(sources, dict):
        raw["sources"] = {name: _move_locations(table, layer, folder) for name, table in sources.items()}
    if isinstance(sets, list):
        raw[EXCLUDE] = [_move_locations(table, layer, folder) for table in sets]
    return raw


def _move_locations(table: Any, layer: _Layer, folder: Path) -> Any:
    if not isinstance(table, dict):
        return table
    moved = {key: _move_all(table[key], layer, folder) for key in ("where", "fallbacks") if key in table}
    return {**table, **moved}


def _move_all(value: Any, layer: _Layer, folder: Path) -> Any:
    if isinstance(value, list):  # of locations, or of lists of them
        return [
            [_move_path(one, layer, folder) for one in item]
            if isinstance(item, list)
            else _move_path(item, layer, folder)
            for item in value
        ]
    return _move_path(value, layer, folder)


def _move_path(text: Any, layer: _Layer, folder: Path) -> Any:
    """Return a base's location as it is spelled in a recipe of another folder."""
    try:
        location = parse_location(text) if isinstance(text, str) else None
    except ValueError:  # which is a fault of its own
        return text
    if not isinstance(location, LocalPath) or location.path.is_absolute() or text == GIVEN:
        return text
    if layer.folder == find_gallery():
        # What doesn't come with the gallery is a place for the user's own data.
        there = layer.folder / location.path
        return str(there) if os.path.exists(there) else text  # noqa: PTH110
    below = PurePath(os.path.relpath(layer.folder, folder))
    return text if below == PurePath() else (below / text).as_posix()
