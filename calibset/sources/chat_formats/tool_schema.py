"""The parameters of tools, turned into valid JSON Schema (draft 7).

Corpora write Python types (``dict``, ``float``, ``List[int]``), ``required: null``, a boolean
``required`` on each parameter, and much else that a chat template's validator refuses.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import cast

from calibset.core.text import dump_json
from calibset.sources.chat_formats.type_names import parse_type

MAX_DEPTH = 32

_SCHEMA = (
    *("items", "additionalItems", "additionalProperties", "contains", "propertyNames"),
    *("not", "if", "then", "else"),
)
_SCHEMA_MAP = ("properties", "patternProperties", "definitions", "$defs")
_SCHEMA_LIST = ("anyOf", "oneOf", "allOf")
_NESTED = frozenset((*_SCHEMA_MAP, "additionalProperties"))
"""Keys that a schema has at its top: a mapping without them maps names to parameters."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


# Compiling takes a microsecond a letter; those that check an address have five hundred.
_LONGEST_PATTERN = 10_000


def _is_pattern(value: object) -> bool:
    if isinstance(value, str) and len(value) > _LONGEST_PATTERN:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(cast("str", value))
    except (re.error, TypeError, RecursionError, OverflowError, Warning):
        return False
    return True


def _is(*kinds: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kinds)


_VALID: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("title", "format", "$comment", "$id", "$schema", "$ref"), _is(str)),
    **dict.fromkeys(("contentMediaType", "contentEncoding"), _is(str)),
    **dict.fromkeys(("uniqueItems", "readOnly", "writeOnly"), _is(bool)),
    **dict.fromkeys(("enum", "examples"), _is(list)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
    **dict.fromkeys(("minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(_SCHEMA, _is(bool)),
    "multipleOf": lambda value: _is_number(value) and cast("float", value) > 0,
    "pattern": _is_pattern,
    "dependencies": lambda _: False,
}
"""The values that each keyword may have; any other value is dropped with its keyword."""


def normalise_parameters(schema: object, required: object = None) -> str:
    """Return a tool's parameters as JSON Schema of type object, as text; keys keep their order.

    Required names may be listed outside the schema. A value that JSON can't hold raises ValueError.

    Examples:
        >>> normalise_parameters({"type": "dict", "properties": {"x": {"type": "float"}}, "required": None})
        '{"type": "object", "properties": {"x": {"type": "number"}}}'
        >>> normalise_parameters(None)
        '{"type": "object", "properties": {}}'
    """
    if not isinstance(schema, dict):
        schema = {}
    if schema and not schema.keys() & _NESTED and all(isinstance(value, dict) for value in schema.values()):
        schema = {"properties": schema}
    names = [*_keep_strings(schema.get("required")), *_keep_strings(required)]
    if names:
        schema = {**schema, "required": names}
    clean = _clean(schema, MAX_DEPTH)
    if not isinstance(clean.get("properties"), dict):
        clean["properties"] = {}
    if "type" not in clean:
        clean = {"type": "object", **clean}
    clean["type"] = "object"
    return dump_json(clean)


def _clean(schema: object, depth: int) -> dict[str, object]:
    """Return a schema with only keywords whose values draft 7 allows."""
    if isinstance(schema, str):
        schema = {"type": schema}
    if not isinstance(schema, dict) or depth == 0:
        return {}
    clean = {
        keyword: cleaned
        for key, value in schema.items()
        for keyword, cleaned in _clean_keyword(key, value, depth - 1).items()
        if keyword == key or keyword not in schema
    }
    return _collect_required(schema, clean)


def _clean_keyword(key: str, value: object, depth: int) -> dict[str, object]:  # noqa: PLR0911 - one line a case
    """Return what replaces a keyword: itself, others, or nothing."""
    if key == "type":
        return _clean_type(value)
    if key == "description":
        return {key: value if isinstance(value, str) else ""}
    if key == "required":
        return {key: list(dict.fromkeys(_keep_strings(value)))} if isinstance(value, list) else {}
    if key in _SCHEMA_MAP:
        return {key: _clean_map(key, value, depth)}
    if key in _SCHEMA_LIST or (key == "items" and isinstance(value, list)):
        return {key: [_clean(item, depth) for item in value]} if isinstance(value, list) and value else {}
    if key in _SCHEMA and isinstance(value, str | dict):
        return {key: _clean(value, depth)}
    return {key: value} if key not in _VALID or _VALID[key](value) else {}


def _clean_type(value: object) -> dict[str, object]:
    if isinstance(value, str):
        return parse_type(value).keywords()
    if isinstance(value, list):
        types = [name for item in _keep_strings(value) for name in parse_type(item).types]
        return {"type": list(dict.fromkeys(types))} if types else {}
    return {}


def _clean_map(key: str, value: object, depth: int) -> dict[str, object]:
    if isinstance(value, list):
        named = [item for item in value if isinstance(item, dict) and isinstance(item.get("name"), str)]
        value = {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in named}
    if not isinstance(value, dict):
        return {}
    return {
        name: _clean(schema, depth)
        for name, schema in value.items()
        if key != "patternProperties" or _is_pattern(name)
    }


def _collect_required(schema: dict[str, object], clean: dict[str, object]) -> dict[str, object]:
    """Add to the required names what properties say of themselves: ``required: true``, ``str, optional``."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return clean
    required = dict.fromkeys(cast("list[str]", clean.get("required", [])))
    for name, parameter in properties.items():
        spelling = parameter.get("type") if isinstance(parameter, dict) else parameter
        if isinstance(spelling, str) and parse_type(spelling).optional:
            required.pop(name, None)
        elif isinstance(parameter, dict) and parameter.get("required") is True:
            required.setdefault(name)
    if required or "required" in clean:
        clean["required"] = list(required)
    return clean


def _keep_strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
