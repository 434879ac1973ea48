"""Reading a row of any chat format as a conversation, with its faults repaired or the row rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from calibset.core.documents import Conversation, Record, Rejection
from calibset.core.text import excerpt


class ChatFormatError(Exception):
    """A row breaks the rules of its chat format and can't be repaired.

    Attributes:
        reason: A short phrase, the same for the same fault, so that it can be counted.
        excerpt: The beginning of the faulty value, at most 200 characters.
    """

    def __init__(self, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.excerpt = excerpt(value)


class Repair(NamedTuple):
    """A fault that was repaired.

    Attributes:
        reason: A short phrase, the same for the same fault, so that it can be counted.
        value: The value before the repair.
        loses: Whether it leaves out turns or calls.
        left_out: What was left out because of the fault ("exchange"); empty if the fault itself was mended.
    """

    reason: str
    value: object
    loses: bool = False
    left_out: str = ""

    @property
    def outcome(self) -> str:
        """The reason, and what was left out for it."""
        return f"{self.left_out} left out: {self.reason}" if self.left_out else self.reason


@dataclass(frozen=True, slots=True)
class RepairLog:
    """The repairs of one row, in the order in which its faults were found."""

    entries: list[Repair] = field(default_factory=list)

    def note(self, reason: str, value: object = "", *, loses: bool = False, left_out: str = "") -> None:
        """Add a repair, whether it leaves out turns or calls, and what it leaves out because of the fault."""
        self.entries.append(Repair(reason, value, loses, left_out))


RepairOption = Annotated[
    bool,
    Field(
        description="Whether to repair faults where the meaning is beyond doubt: calls written as Python "
        "literals, a missing last brace or closing tag, parameters that are not JSON Schema (as in most "
        "rows of ToolACE and When2Call), and the like. Of calls side by side, those without an answer are "
        "left out, and an exchange that is not whole with all that follows it; a row whose first exchange "
        "is not whole is rejected, since what follows refers to it. If false, rows that need a repair are "
        "rejected and counted by it."
    ),
]
"""The recipe key ``repair`` of sources whose chat format is repaired."""


ReasoningOption = Annotated[
    Literal["keep", "drop"] | None,
    Field(
        description="Whether to `keep` or `drop` the thoughts of assistant turns; if unset, `[chat]` decides."
    ),
]
"""The recipe key ``reasoning`` of sources that give conversations."""


class ConversationParser(Protocol):
    """The `parse` function of a chat format."""

    def __call__(
        self, row: Mapping[str, object], *, conversation_id: str, repairs: RepairLog | None = None
    ) -> Conversation:
        """Return the conversation that a row holds.

        Args:
            row: The row as it is in the corpus.
            conversation_id: The conversation's id.
            repairs: The log to add repairs to.

        Raises:
            ChatFormatError: The row is not a complete conversation.
        """
        ...


def read_conversation(
    row: object, parse: ConversationParser, *, position: str, conversation_id: str, repair: bool
) -> Record:
    """Return the conversation that a row holds, or a rejection that says what is wrong with the row.

    Args:
        row: The row as it is in the corpus, of any type; a rejection stays one.
        parse: The parser of the row's chat format.
        position: The row's position, for a rejection.
        conversation_id: The conversation's id.
        repair: Whether to repair faults that leave no doubt about what was meant. If not, a row with such
            a fault is rejected.

    Examples:
        >>> from calibset.sources.chat_formats import toolace
        >>> greeting = [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]
        >>> row = {"conversations": [*greeting, {"from": "user", "value": "Still there?"}]}
        >>> record = read_conversation(row, toolace.parse, position="a#1", conversation_id="1", repair=True)
        >>> len(record.messages)
        2
        >>> read_conversation(row, toolace.parse, position="a#1", conversation_id="1", repair=False).reason
        'needs repair: conversation ends in a user turn'
    """
    if isinstance(row, Rejection):
        return row
    if not row:
        return Rejection(position=position, reason="empty row")
    if not isinstance(row, dict):
        return Rejection(position=position, reason="not an object", excerpt=excerpt(row))
    repairs = RepairLog()
    try:
        conversation = parse(row, conversation_id=conversation_id, repairs=repairs)
    except ChatFormatError as error:
        return Rejection(position=position, reason=error.reason, excerpt=error.excerpt)
    if repairs.entries and not repair:
        first = repairs.entries[0]
        reason = f"needs repair: {first.reason}"
        return Rejection(position=position, reason=reason, excerpt=excerpt(first.value))
    reasons = dict.fromkeys(entry.outcome for entry in repairs.entries)
    losses = dict.fromkeys(entry.outcome for entry in repairs.entries if entry.loses)
    return replace(conversation, repairs=tuple(reasons), losses=tuple(losses))


def read_id(row: object, key: str) -> str:
    """Return the id in a row's key, or an empty string if it has none."""
    row_id = row.get(key) if isinstance(row, dict) else None
    return row_id if isinstance(row_id, str) else ""
