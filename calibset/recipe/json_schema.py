"""The JSON Schema of a recipe, for editors that check TOML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calibset.recipe.model import OF_SOURCES, Recipe
from calibset.sources import ADAPTERS, adapter

_OTHERS = "another-package"
_NAME = {"type": "string", "minLength": 1, "description": "What reports and messages call it."}
# Tables with lists of names, of which a single one may stand by itself.
_WITH_NAMES = ("Hygiene", "Selection")


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe, for editors that check TOML."""
    schema = Recipe.model_json_schema()
    for key, info in Recipe.model_fields.items():
        schema["properties"][key].setdefault("description", info.description)
    definitions = schema.setdefault("$defs", {})
    definitions.pop("Source", None)
    for name in ADAPTERS:
        one = adapter(name).model_json_schema()
        definitions.update(one.pop("$defs", {}))
        one["properties"]["type"] = {
            "const": name,
            "type": "string",
            "description": one.get("description", ""),
        }
        one["required"] = sorted({*one.get("required", ()), "type"})
        definitions[name] = _with_single_names(one)
        definitions[_excluded(name)] = _evaluation_set(definitions[name])
    definitions |= {name: _with_single_names(definitions[name]) for name in _WITH_NAMES}
    definitions[_OTHERS] = {
        "description": "An adapter of another package; its own keys are checked when the recipe is read.",
        "type": "object",
        "properties": {"type": {"type": "string", "not": {"enum": list(ADAPTERS)}}},
        "required": ["group", "type", "where"],
    }
    definitions[_excluded(_OTHERS)] = _evaluation_set(definitions[_OTHERS])
    kinds = (*ADAPTERS, _OTHERS)
    schema["properties"]["sources"]["additionalProperties"] = _one_of(kinds)
    schema["properties"]["exclude"] = {
        "type": "array",
        "items": _one_of(map(_excluded, kinds)),
        "description": Recipe.model_fields["exclude"].description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _excluded(name: str) -> str:
    return f"exclude-{name}"


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _evaluation_set(source: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an evaluation set that is read by the adapter of a source."""
    properties = {key: value for key, value in source["properties"].items() if key not in OF_SOURCES}
    # An adapter of another package may have any key but these.
    barred = {} if "additionalProperties" in source else dict.fromkeys(OF_SOURCES, False)
    required = sorted({"name", *source["required"]} - {*OF_SOURCES})
    return {**source, "properties": {"name": _NAME, **properties, **barred}, "required": required}


def _with_single_names(table: dict[str, Any]) -> dict[str, Any]:
    return {
        **table,
        "properties": {key: _one_or_several(value) for key, value in table["properties"].items()},
    }


def _one_or_several(key: dict[str, Any]) -> dict[str, Any]:
    """Return a list's schema so that a single item is valid too, as `calibset.sources.Names` has it."""
    if key.get("type") != "array":
        return key
    about: dict[str, Any] = {
        word: key.pop(word) for word in ("default", "description", "title") if word in key
    }
    return {"anyOf": [key, key["items"]], **about}
