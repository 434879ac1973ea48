"""The JSON Schema of a recipe, for editors that check TOML."""

from __future__ import annotations

from typing import Any

from calibset.recipe import Recipe
from calibset.sources import ADAPTERS, adapter

__all__ = ["recipe_schema"]

_OTHERS = "another-package"


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
        one["properties"] = {key: _one_or_several(value) for key, value in one["properties"].items()}
        definitions[name] = one
    definitions[_OTHERS] = {
        "description": "An adapter of another package; its own keys are checked when the recipe is read.",
        "type": "object",
        "properties": {"type": {"type": "string", "not": {"enum": list(ADAPTERS)}}},
        "required": ["group", "type", "where"],
    }
    schema["properties"]["sources"]["additionalProperties"] = {
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in (*ADAPTERS, _OTHERS)]
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _one_or_several(key: dict[str, Any]) -> dict[str, Any]:
    """Return a list's schema so that a single item is valid too, as `calibset.sources.Names` has it."""
    if key.get("type") != "array":
        return key
    about: dict[str, Any] = {
        word: key.pop(word) for word in ("default", "description", "title") if word in key
    }
    return {"anyOf": [key, key["items"]], **about}
