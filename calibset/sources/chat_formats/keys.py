"""Keys that mean the same thing under several spellings: ``tool_name``, ``toolName``, ``name``.

A key that no table knows never vanishes: its reader rejects the row or notes a repair.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.literals import parse_value

_SEPARATORS = re.compile(r"[\s_.-]+")
_NAMED = re.compile(r"[\w.-]{1,30}")


def fold(name: object) -> str:
    """Return a name in small letters without separators, so that all ways of joining its words are one.

    Examples:
        >>> fold("toolName"), fold(" Tool_Name "), fold("tool-name")
        ('toolname', 'toolname', 'toolname')
    """
    return _SEPARATORS.sub("", name).casefold() if isinstance(name, str) else ""


def is_empty(value: object) -> bool:
    """Return whether a value holds nothing that could be lost: null, blank text, an empty container."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | tuple | dict) and not value)


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of an object, by what their keys mean.

    Attributes:
        values: The values under each meaning that hold something, in the object's order.
        blanks: The first value under each meaning that holds nothing, such as null or an empty list.
        unknown: The other keys that hold something.
    """

    values: Mapping[str, list[object]]
    blanks: Mapping[str, object] = field(default_factory=dict)
    unknown: tuple[object, ...] = ()

    def has(self, meaning: str) -> bool:
        """Return whether the object has a key of a meaning, whatever it holds."""
        return meaning in self.values or meaning in self.blanks

    def get(self, meaning: str) -> object:
        """Return the value of a meaning, None if there is none; keys that say different things are an error.

        Examples:
            >>> Fields({"arguments": [{"x": 1}, '{"x": 1}']}).get("arguments")
            {'x': 1}
        """
        values = self.values.get(meaning, [])
        if any(_plain(value) != _plain(values[0]) for value in values[1:]):
            raise ChatFormatError(f"two keys that differ: {meaning}", values)
        return values[0] if values else self.blanks.get(meaning)

    def get_text(self, meaning: str) -> str | None:
        """Return the text of a meaning; None if there is none, or another value."""
        value = self.get(meaning)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The keys of one kind of object.

    Attributes:
        spellings: For each meaning its keys, folded, with blanks between them.
        ignored: Keys, folded, whose values no model reads, with blanks between them.
    """

    spellings: Mapping[str, str]
    ignored: str
    _meanings: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Turn the table round."""
        meanings = {key: meaning for meaning, keys in self.spellings.items() for key in keys.split()}
        object.__setattr__(self, "_meanings", dict.fromkeys(self.ignored.split(), "") | meanings)

    def read(self, items: Iterable[tuple[object, object]]) -> Fields:
        """Return the values of an object's items by their meaning."""
        values: dict[str, list[object]] = {}
        blanks: dict[str, object] = {}
        unknown = []
        for key, value in items:
            meaning = self._meanings.get(fold(key))
            if is_empty(value):
                if meaning:
                    blanks.setdefault(meaning, value)
            elif meaning:
                values.setdefault(meaning, []).append(value)
            elif meaning is None:
                unknown.append(key)
        return Fields(values, blanks, tuple(unknown))


def unwrap(value: Mapping[object, object], wrappers: Collection[str]) -> Iterator[tuple[object, object]]:
    """Yield an object's items, and in the place of an object under one of the wrapping keys that one's items.

    Examples:
        >>> list(unwrap({"type": "function", "function": {"name": "f"}}, ["function"]))
        [('type', 'function'), ('name', 'f')]
    """
    for key, item in value.items():
        if isinstance(item, dict) and fold(key) in wrappers:
            yield from item.items()
        else:
            yield key, item


def name_key(key: object) -> str:
    """Return a key as a countable reason may name it."""
    return key if isinstance(key, str) and _NAMED.fullmatch(key) else "…"


def _plain(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_value(value)
    except ValueError:
        return value.strip()
