"""What is mended between a row and its conversation, and how to refuse rows that need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from calibset.core.documents import Conversation, Record, Rejection
from calibset.core.text import excerpt


class Repair(NamedTuple):
    """A fault that was mended.

    Attributes:
        reason: A short phrase, the same for the same fault, so that it can be counted.
        value: What stood there.
    """

    reason: str
    value: object


@dataclass(frozen=True, slots=True)
class Repairs:
    """The repairs that a row needed; parse functions note them here.

    Attributes:
        made: In the order in which the faults were met.
    """

    made: list[Repair] = field(default_factory=list)

    def note(self, reason: str, value: object = "") -> None:
        """Add one."""
        self.made.append(Repair(reason, value))


class MendingParse(Protocol):
    """A dialect's way to read a row, mending what it can."""

    def __call__(self, row: Mapping[str, object], *, conversation_id: str, repairs: Repairs) -> Conversation:
        """Return the conversation, or raise `DialectError`."""
        ...


def strictly(parse: MendingParse) -> Callable[..., Conversation]:
    """Return the same way to read a row, but that what needs a repair is an error.

    Examples:
        >>> from calibset.sources.chat_formats import toolace
        >>> said = [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]
        >>> row = {"conversations": [*said, {"from": "user", "value": "Still there?"}]}
        >>> len(toolace.parse(row, conversation_id="1").messages)
        2
        >>> strictly(toolace.parse)(row, conversation_id="1")
        Traceback (most recent call last):
        calibset.sources.chat_formats.base.DialectError: needs repair: conversation ends in a user turn
    """

    def refusing(row: Mapping[str, object], *, conversation_id: str) -> Conversation:
        repairs = Repairs()
        conversation = parse(row, conversation_id=conversation_id, repairs=repairs)
        if repairs.made:
            first = repairs.made[0]
            raise DialectError(f"needs repair: {first.reason}", first.value)
        return conversation

    return refusing


class DialectError(Exception):
    """A row breaks the rules of its dialect and can't be repaired.

    Attributes:
        reason: A short phrase, the same for the same fault, so that it can be counted.
        excerpt: The beginning of what stood there, at most 200 characters.
    """

    def __init__(self, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.excerpt = excerpt(value)


RepairKey = Annotated[
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


def dialogue(row: object, parse: Parse, *, position: str, conversation_id: str) -> Record:
    """Return the conversation that a row holds, or a rejection with the dialect's reason."""
    if not row:
        return Rejection(position=position, reason="empty row")
    if not isinstance(row, dict):
        return Rejection(position=position, reason="not an object", excerpt=excerpt(row))
    try:
        return parse(row, conversation_id=conversation_id)
    except DialectError as error:
        return Rejection(position=position, reason=error.reason, excerpt=error.excerpt)


def own_id(row: object, key: str) -> str:
    """Return the id that a row gives itself, or nothing."""
    found = row.get(key) if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""
