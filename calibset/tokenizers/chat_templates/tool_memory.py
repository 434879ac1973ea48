"""The tools that mistral-common has found right, so that each is checked against JSON Schema once.

Most conversations of a corpus have the tools of others, and one that is shortened has its own several times.
Other tools differ in their words and in the names of their parameters alone, which every schema may choose.
"""

from __future__ import annotations

import json
from typing import Any

_MOST_TOOLS = 4096


def remember_tools(validator: Any) -> Any:
    """Return a validator like another, which checks no tool twice while it remembers it."""

    class RememberingValidator(type(validator)):  # type: ignore[misc]  # (a class for each version)
        def __init__(self) -> None:
            super().__init__(validator.mode)
            self.right: set[str] = set()
            self.right_outlines: set[str] = set()

        # Were mistral-common to call these otherwise, each tool would be checked each time, as it is without.
        def _validate_tools(self, tools: list[Any]) -> None:
            new = {key: tool for tool in tools if (key := tool.function.model_dump_json()) not in self.right}
            super()._validate_tools(list(new.values()))
            _remember(new, self.right)

        def _validate_function(self, function: Any) -> None:
            outline = _write(outline_schema(function.parameters))
            if outline in self.right_outlines:
                function = function.model_copy(update={"parameters": {}})
            super()._validate_function(function)
            _remember([outline], self.right_outlines)

    return RememberingValidator()


def outline_schema(schema: Any) -> Any:
    """Return a schema that is right if and only if another is, without what decides nothing of that.

    Examples:
        >>> outline_schema({"type": "object", "properties": {"a": {"description": "One."}, "b": {}}})
        {'type': 'object', 'properties': {'0': {}}}
    """
    if not isinstance(schema, dict):
        return schema
    return {
        keyword: _outline_value(keyword, value)
        for keyword, value in schema.items()
        if not _is_right(keyword, value)
    }


def _outline_value(keyword: str, value: Any) -> Any:
    if keyword == "properties" and isinstance(value, dict):
        distinct = {_write(outline): outline for outline in map(outline_schema, value.values())}
        return {str(number): distinct[written] for number, written in enumerate(sorted(distinct))}
    return outline_schema(value) if keyword == "items" else value


def _write(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


def _is_right(keyword: str, value: Any) -> bool:
    """Return whether the value of a keyword is right, whatever else a schema says."""
    if keyword in ("description", "title"):
        return isinstance(value, str)
    if keyword == "required":
        names = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return names and len(set(value)) == len(value)
    return keyword == "default" or (keyword == "enum" and isinstance(value, list))


def _remember(new: Any, right: set[str]) -> None:
    if len(right) + len(new) > _MOST_TOOLS:
        right.clear()
    right.update(new)
