"""The many ways in which corpora spell a parameter's type, as JSON Schema types."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
class DeclaredType:
    """What a type's spelling says.

    Attributes:
        types: JSON Schema types; none where any value will do.
        items: The type of an array's items, where it is said.
        optional: Whether the parameter may be left out.
    """

    types: tuple[str, ...] = ()
    items: DeclaredType | None = None
    optional: bool = False

    def keywords(self) -> dict[str, object]:
        """Return the keywords of JSON Schema that say the same."""
        found: dict[str, object] = {}
        if self.types:
            found["type"] = self.types[0] if len(self.types) == 1 else list(self.types)
        if self.items is not None and self.items.types:
            found["items"] = self.items.keywords()
        return found


def declared_type(spelling: str) -> DeclaredType:
    """Return what a spelling such as ``List[int]`` or ``str, optional`` means.

    Examples:
        >>> declared_type("List[int]").keywords()
        {'type': 'array', 'items': {'type': 'integer'}}
        >>> declared_type("str, optional").optional
        True
        >>> declared_type("any").keywords()
        {}
    """
    if len(spelling) > _MOST_CHARACTERS:
        return DeclaredType()
    head, *notes = _split(spelling.strip(), ",")
    head, _, note = head.partition("(")
    optional = any(_OPTIONAL.search(text) for text in (note, *notes))
    alternatives = _split_union(head.strip())
    if len(alternatives) > 1:
        return _union(alternatives, optional=optional)
    return _single(head.strip(), optional=optional)


def _single(head: str, *, optional: bool) -> DeclaredType:
    generic = _GENERIC.fullmatch(head)
    base = (generic[1] if generic else head).rsplit(".", 1)[-1].lower()
    inner = _split(generic[2], ",") if generic else []
    if base == "optional" and inner:
        return _union(inner, optional=True)
    if base == "union" and inner:
        return _union(inner, optional=optional)
    json_type = _BY_NAME.get(base)
    if json_type is None:
        return DeclaredType(optional=optional)
    items = None
    if json_type == "array" and inner and all(part.strip() in (inner[0].strip(), "...") for part in inner):
        items = declared_type(inner[0])
    return DeclaredType(types=(json_type,), items=items, optional=optional)


def _union(alternatives: list[str], *, optional: bool) -> DeclaredType:
    found = [declared_type(alternative) for alternative in alternatives]
    values = [alternative for alternative in found if alternative.types != ("null",)]
    optional = optional or len(values) < len(found)
    if not values or any(not alternative.types for alternative in values):
        return DeclaredType(optional=optional)
    types = tuple(dict.fromkeys(name for alternative in values for name in alternative.types))
    items = next((alternative.items for alternative in values if alternative.items), None)
    return DeclaredType(types=types, items=items, optional=optional)


def _split_union(text: str) -> list[str]:
    pieces = _split(text, "|")
    return [part for piece in pieces for part in ([piece] if "[" in piece else _OR.split(piece))]


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "[<(":
            depth += 1
        elif character in "]>)":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]
