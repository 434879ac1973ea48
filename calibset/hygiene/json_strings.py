"""The texts inside JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

# What a JSON Schema says of its values, in the same words in every tool.
_SCHEMA_WORDS = frozenset(
    {
        *("$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default"),
        *("definitions", "description", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format"),
        *("items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "not", "nullable"),
        *("oneOf", "optional", "pattern", "properties", "required", "title", "type", "uniqueItems"),
    }
)
_UNTOLD = frozenset({"type", "format", "$ref", "$schema", "required"})


def json_texts(text: str) -> Iterator[str]:
    """Yield the texts and numbers in JSON, keys too, in their order; what is no JSON as it is.

    Examples:
        >>> list(json_texts('{"to": ["Ján", 12.50]}')), list(json_texts("to Ján"))
        (['to', 'Ján', '12.50'], ['to Ján'])
    """
    value = _decoded(text)
    yield from (text,) if value is None else (text for _, text in _texts(value))


def schema_texts(text: str) -> Iterator[str]:
    """Yield the texts of a JSON Schema but for what it says of types, which many others say too.

    Examples:
        >>> list(schema_texts('{"type": "object", "properties": {"city": {"type": "string"}}}'))
        ['city']
    """
    value = _decoded(text)
    if value is None:
        yield text
        return
    for key, told in _texts(value):
        if key is None:
            if told not in _SCHEMA_WORDS:
                yield told
        elif key not in _UNTOLD:
            yield told


def _decoded(text: str) -> object:
    """Return what JSON says, its numbers as they are written; None where it is none."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _texts(value: object) -> Iterator[tuple[str | None, str]]:
    """Yield keys (as the texts of None) and, with the key they stand under, texts and numbers; in order."""
    waiting: list[tuple[str | None, object]] = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            for name, held in reversed(value.items()):
                waiting += (name, held), (None, name)
        elif isinstance(value, list):
            waiting += ((key, held) for held in reversed(value))
        elif isinstance(value, str):
            yield key, value
        elif value is not None:
            yield key, json.dumps(value)
