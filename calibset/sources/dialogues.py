"""What the adapters of tool corpora share: from a row to a conversation, or the reason it is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import Field

from calibset.chat.dialect import DialectError, excerpt
from calibset.document import Conversation, Record, Rejection

Repair = Annotated[
    bool,
    Field(
        description="Whether to mend what leaves no doubt of what was meant: calls written as Python "
        "literals, missing braces or tags, parameters that are not JSON Schema (as in most rows of ToolACE "
        "and When2Call), calls and exchanges without an answer, which are left out, and the like. If "
        "false, such rows are rejected and counted by what they need."
    ),
]
"""The key of adapters that mend."""


class Parse(Protocol):
    """A dialect's way to read a row."""

    def __call__(self, row: Mapping[str, object], *, conversation_id: str) -> Conversation:
        """Return the conversation, or raise `DialectError`."""
        ...


def dialogue(row: object, parse: Parse, *, place: str, conversation_id: str) -> Record:
    """Return the conversation that a row holds, or a rejection with the dialect's reason."""
    if not row:
        return Rejection(place=place, reason="empty row")
    if not isinstance(row, dict):
        return Rejection(place=place, reason="not an object", excerpt=excerpt(row))
    try:
        return parse(row, conversation_id=conversation_id)
    except DialectError as error:
        return Rejection(place=place, reason=error.reason, excerpt=error.excerpt)


def own_id(row: object, key: str) -> str:
    """Return the id that a row gives itself, or nothing."""
    found = row.get(key) if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""
