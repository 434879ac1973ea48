"""The tools that mistral-common has found right, so that each is checked against JSON Schema once.

Most conversations of a corpus have the tools of others, and one that is shortened has its own several times.
"""

from __future__ import annotations

from typing import Any

_MOST_TOOLS = 4096


def remember_tools(validator: Any) -> Any:
    """Return a validator like another, which checks no tool twice while it remembers it."""

    class RememberingValidator(type(validator)):  # type: ignore[misc]  # (a class for each version)
        def __init__(self) -> None:
            super().__init__(validator.mode)
            self.right: set[str] = set()

        # Were mistral-common to call this otherwise, each tool would be checked each time, as it is without.
        def _validate_tools(self, tools: list[Any]) -> None:
            new = {key: tool for tool in tools if (key := tool.function.model_dump_json()) not in self.right}
            super()._validate_tools(list(new.values()))
            if len(self.right) + len(new) > _MOST_TOOLS:
                self.right.clear()
            self.right.update(new)

    return RememberingValidator()
