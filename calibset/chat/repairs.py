"""What is mended between a row and its conversation, and how to refuse rows that need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from calibset.chat.dialect import DialectError
from calibset.document import Conversation


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
        >>> from calibset.chat import toolace
        >>> said = [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]
        >>> row = {"conversations": [*said, {"from": "user", "value": "Still there?"}]}
        >>> len(toolace.parse(row, conversation_id="1").messages)
        2
        >>> strictly(toolace.parse)(row, conversation_id="1")
        Traceback (most recent call last):
        calibset.chat.dialect.DialectError: needs repair: conversation ends in a user turn
    """

    def refusing(row: Mapping[str, object], *, conversation_id: str) -> Conversation:
        repairs = Repairs()
        conversation = parse(row, conversation_id=conversation_id, repairs=repairs)
        if repairs.made:
            first = repairs.made[0]
            raise DialectError(f"needs repair: {first.reason}", first.value)
        return conversation

    return refusing
