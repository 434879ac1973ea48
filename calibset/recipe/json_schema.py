"""The JSON Schema of recipes, for editors that check TOML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from calibset.recipe.inheritance import EXTENDS, EXTENDS_HELP
from calibset.recipe.model import EXCLUDE, SOURCE_ONLY_KEYS, Recipe
from calibset.sources import ADAPTERS, get_adapter

_FOREIGN = "another-package"
_FOREIGN_SOURCE = {
    "description": "An adapter of another package; its own keys are checked when the recipe is read.",
    "type": "object",
    "properties": {"type": {"type": "string", "not": {"enum": list(ADAPTERS)}}},
    "required": ["group", "type", "where"],
}
_NAME = {"type": "string", "minLength": 1, "description": "What reports and messages call it."}
# Tables with lists of names, in which a single name needs no brackets.
_TABLES_WITH_NAMES = ("Hygiene", "Selection", "TurnColumns")


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipes."""
    schema = Recipe.model_json_schema()
    properties, definitions = schema["properties"], schema["$defs"]
    for key, info in Recipe.model_fields.items():
        properties[key].setdefault("description", info.description)
    del definitions["Source"]
    sources = {name: _source_schema(name, definitions) for name in ADAPTERS} | {_FOREIGN: _FOREIGN_SOURCE}
    definitions |= {name: _allow_single_names(definitions[name]) for name in _TABLES_WITH_NAMES}
    definitions |= sources
    definitions |= {f"{EXCLUDE}-{name}": _evaluation_set_schema(source) for name, source in sources.items()}
    properties["sources"]["additionalProperties"] = _one_of(sources)
    properties[EXCLUDE] = {
        "type": "array",
        "items": _one_of(f"{EXCLUDE}-{name}" for name in sources),
        "description": Recipe.model_fields[EXCLUDE].description,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_allow_variants(schema)}


def _allow_variants(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of recipes in which one that extends another has only what it changes."""
    whole = schema["properties"]
    changes = {key: _allow_parts(value) for key, value in whole.items()}
    # What a table lacks is in the base.
    for table in ("groups", "sources"):
        changes[table]["anyOf"][0] = {"type": "object"}
    changes[EXCLUDE]["anyOf"][0] = {"type": "array", "items": {"type": "object", "required": ["name"]}}
    base = {"type": "string", "description": EXTENDS_HELP}
    return {
        **{key: value for key, value in schema.items() if key != "required"},
        "properties": {EXTENDS: base, **changes},
        "if": {"not": {"required": [EXTENDS]}},
        "then": {"properties": whole, "required": schema["required"]},
    }


def _allow_parts(value: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a key that may be left out of what a base has, by `false`."""
    about: dict[str, Any] = {
        word: value[word] for word in ("default", "description", "title") if word in value
    }
    rest = {word: value[word] for word in value if word not in about}
    return {"anyOf": [rest, {"const": False}], **about}


def _one_of(names: Iterable[str]) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _source_schema(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an adapter's sources; what it refers to is added to the definitions."""
    schema = get_adapter(name).model_json_schema()
    definitions.update(schema.pop("$defs", {}))
    kind = {"const": name, "type": "string", "description": schema.get("description", "")}
    schema["properties"]["type"] = kind
    schema["required"] = sorted({*schema.get("required", ()), "type"})
    return _allow_single_names(schema)


def _evaluation_set_schema(source: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an evaluation set that is read by the adapter of a source."""
    properties = {key: value for key, value in source["properties"].items() if key not in SOURCE_ONLY_KEYS}
    # An adapter of another package may have any key but these.
    barred = {} if "additionalProperties" in source else dict.fromkeys(SOURCE_ONLY_KEYS, False)
    required = sorted({"name", *source["required"]} - {*SOURCE_ONLY_KEYS})
    return {**source, "properties": {"name": _NAME, **properties, **barred}, "required": required}


def _allow_single_names(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table's schema in which a list may be a single item, as `core.fields.Names` has it."""
    return {
        **table,
        "properties": {key: _allow_single_item(value) for key, value in table["properties"].items()},
    }


def _allow_single_item(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") != "array":
        return value
    about: dict[str, Any] = {
        word: value[word] for word in ("default", "description", "title") if word in value
    }
    array = {word: value[word] for word in value if word not in about}
    return {"anyOf": [array, array["items"]], **about}
