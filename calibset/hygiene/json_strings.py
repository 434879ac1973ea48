"""The texts inside JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

# The vocabulary of JSON Schema, the same in every tool.
_SCHEMA_WORDS = frozenset(
    {
        *("$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default"),
        *("definitions", "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format"),
        *("items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "not", "nullable"),
        *("oneOf", "optional", "pattern", "properties", "required", "title", "type", "uniqueItems"),
    }
)
_TYPE_KEYS = frozenset({"type", "format", "$ref", "$schema", "required"})


def extract_texts(text: str) -> Iterator[str]:
    """Yield the keys, strings and numbers in JSON, in order; or the whole text if it is not JSON.

    Examples:
        >>> list(extract_texts('{"to": ["Ján", 12.50]}')), list(extract_texts("to Ján"))
        (['to', 'Ján', '12.50'], ['to Ján'])
    """
    value = _decode(text)
    yield from (text,) if value is None else (text for _, text in _walk(value))


def extract_schema_texts(text: str) -> Iterator[str]:
    """Yield the texts of a JSON Schema except those about types, which many schemas share.

    Examples:
        >>> list(extract_schema_texts('{"type": "object", "properties": {"city": {"type": "string"}}}'))
        ['city']
    """
    value = _decode(text)
    if value is None:
        yield text
        return
    for key, part in _walk(value):
        if (part not in _SCHEMA_WORDS) if key is None else (key not in _TYPE_KEYS):
            yield part


def _decode(text: str) -> object:
    """Return the value of a JSON text, with numbers as they are written; None if it is not JSON."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _walk(value: object) -> Iterator[tuple[str | None, str]]:
    """Yield, in order, each key with None, and each text or number with the key that holds it."""
    waiting: list[tuple[str | None, object]] = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            for name, part in reversed(value.items()):
                waiting += (name, part), (None, name)
        elif isinstance(value, list):
            waiting += ((key, part) for part in reversed(value))
        elif isinstance(value, str):
            yield key, value
        elif value is not None:
            yield key, json.dumps(value)
