"""A conversation as the target model reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from calibset.chat.literals import json_text
from calibset.document import Conversation, Message

__all__ = ["ChatTemplate", "RenderError", "Rendered", "Turn", "reason_of", "with_texts"]


class RenderError(Exception):
    """A model's format can't express a conversation.

    Attributes:
        reason: A short phrase, the same for the same case, so that it can be counted.
        detail: What it was in this one, if that is known.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def reason_of(error: BaseException) -> str:
    r"""Return the first line of what an error says, or else its kind.

    Examples:
        >>> reason_of(ValueError("no such user\nline 3")), reason_of(KeyError())
        ('no such user', 'KeyError')
    """
    said = str(error).strip()
    return said.splitlines()[0] if said else type(error).__name__


class Turn(NamedTuple):
    """Where an assistant turn stands in a conversation's token ids.

    Attributes:
        start: Its first token.
        end: One past its last, the token that ends the turn included.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A conversation as the model reads it in service, without the BOS that opens it.

    Attributes:
        id: The conversation's.
        text: Control tokens spelled out, so that a parsing tokenizer reads back `token_ids`.
        token_ids: Without BOS.
        turns: The assistant's turns.
        opening_text: What stands before a conversation that does not open its row (BOS).
        opening_ids: The same as ids.
        names: Tools that the model knows by another name: that other, and the corpus's own.
        shortened: Whether it lost its end to fit into a row.
    """

    id: str
    text: str
    token_ids: tuple[int, ...]
    turns: tuple[Turn, ...]
    opening_text: str = ""
    opening_ids: tuple[int, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    shortened: bool = False


class ChatTemplate(Protocol):
    """Renders conversations for one model family."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses it with its tokenizer should know; empty, mostly."""
        ...

    def render(self, conversation: Conversation) -> Rendered:
        """Return the conversation as the model reads it.

        Raises:
            RenderError: The model's format can't express it.
        """
        ...


def with_texts(conversation: Conversation, change: Callable[[str], str]) -> Conversation:
    """Return the conversation with every text in it changed: turns, arguments, results and tools.

    Of arguments and parameters, which are JSON, the texts inside are changed. Names of tools stay: a
    template maps them to valid ones.
    """
    return replace(
        conversation,
        messages=tuple(_message(message, change) for message in conversation.messages),
        tools=tuple(
            replace(t, description=change(t.description), parameters=_in_json(t.parameters, change))
            for t in conversation.tools
        ),
    )


def _message(message: Message, change: Callable[[str], str]) -> Message:
    calls = tuple(replace(call, arguments=_in_json(call.arguments, change)) for call in message.tool_calls)
    return replace(message, content=change(message.content), tool_calls=calls)


def _in_json(text: str, change: Callable[[str], str]) -> str:
    """Return JSON with every text in it changed, keys too: templates write them without quotes as well."""

    def changed(value: object) -> object:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, list):
            return [changed(item) for item in value]
        if isinstance(value, dict):
            return {change(key): changed(item) for key, item in value.items()}
        return value

    try:
        return json_text(changed(json.loads(text)))
    except (ValueError, RecursionError):
        return change(text)
