"""The types of parameters as corpora spell them, read as JSON Schema types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_MOST_CHARACTERS = 200

_JSON_TYPES = {
    "array": "array list tuple set sequence iterable arraylist",
    "boolean": "boolean bool",
    "integer": "integer int long short",
    "null": "null none nonetype",
    "number": "number float double decimal numeric",
    "object": "object dict dictionary map mapping hashmap json",
    "string": "string str text char varchar",
}
_BY_NAME = {name: json_type for json_type, names in _JSON_TYPES.items() for name in names.split()}
_GENERIC = re.compile(r"([\w.]+)\s*[\[<](.*)[\]>]", re.DOTALL)
_OPTIONAL = re.compile(r"\boptional\b|\bdefault\b|=", re.IGNORECASE)
_OR = re.compile(r"\s+or\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterType:
    """The type of a tool's parameter.

    Attributes:
        types: The JSON Schema types; empty if any value is allowed.
        items: The type of an array's items; None if it isn't given.
        optional: Whether the parameter may be left out.
    """

    types: tuple[str, ...] = ()
    items: ParameterType | None = None
    optional: bool = False

    def keywords(self) -> dict[str, object]:
        """Return the type as keywords of JSON Schema."""
        keywords: dict[str, object] = {}
        if self.types:
            keywords["type"] = self.types[0] if len(self.types) == 1 else list(self.types)
        if self.items is not None and self.items.types:
            keywords["items"] = self.items.keywords()
        return keywords


@lru_cache(maxsize=256)  # a corpus spells few types
def parse_type(spelling: str) -> ParameterType:
    """Read a type from a spelling such as ``List[int]`` or ``str, optional``.

    Examples:
        >>> parse_type("List[int]").keywords()
        {'type': 'array', 'items': {'type': 'integer'}}
        >>> parse_type("str, optional").optional
        True
        >>> parse_type("any").keywords()
        {}
    """
    if len(spelling) > _MOST_CHARACTERS:
        return ParameterType()
    head, *notes = _split(spelling.strip(), ",")
    head, _, note = head.partition("(")
    optional = any(_OPTIONAL.search(text) for text in (note, *notes))
    alternatives = _split_union(head.strip())
    if len(alternatives) > 1:
        return _parse_union(alternatives, optional=optional)
    return _parse_single(head.strip(), optional=optional)


def _parse_single(head: str, *, optional: bool) -> ParameterType:
    generic = _GENERIC.fullmatch(head)
    base = (generic[1] if generic else head).rsplit(".", 1)[-1].lower()
    inner = _split(generic[2], ",") if generic else []
    if base == "optional" and inner:
        return _parse_union(inner, optional=True)
    if base == "union" and inner:
        return _parse_union(inner, optional=optional)
    json_type = _BY_NAME.get(base)
    if json_type is None:
        return ParameterType(optional=optional)
    items = None
    if json_type == "array" and inner and all(part.strip() in (inner[0].strip(), "...") for part in inner):
        items = parse_type(inner[0])
    return ParameterType(types=(json_type,), items=items, optional=optional)


def _parse_union(spellings: list[str], *, optional: bool) -> ParameterType:
    types = [parse_type(spelling) for spelling in spellings]
    alternatives = [alternative for alternative in types if alternative.types != ("null",)]
    optional = optional or len(alternatives) < len(types)
    if not alternatives or any(not alternative.types for alternative in alternatives):
        return ParameterType(optional=optional)
    names = tuple(dict.fromkeys(name for alternative in alternatives for name in alternative.types))
    items = next((alternative.items for alternative in alternatives if alternative.items), None)
    return ParameterType(types=names, items=items, optional=optional)


def _split_union(text: str) -> list[str]:
    pieces = _split(text, "|")
    return [part for piece in pieces for part in ([piece] if "[" in piece else _OR.split(piece))]


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside brackets."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        if character in "[<(":
            depth += 1
        elif character in "]>)":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
