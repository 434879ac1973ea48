"""A conversation as the target model reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from calibset.core.documents import Conversation


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


# How deep a decoder can follow depends on the Python, so a bound of our own comes first.
_DEEPEST = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


def ensure_sound(conversation: Conversation) -> None:
    """Refuse what a template would write without a word, or read as the Python that it runs on does.

    Raises:
        RenderError: An assistant turn says nothing, or JSON nests too deeply.
    """
    for message in conversation.messages:
        if message.role == "assistant" and not (message.content.strip() or message.tool_calls):
            raise RenderError("empty assistant turn")
    calls = (call.arguments for message in conversation.messages for call in message.tool_calls)
    if any(map(_is_deep, (*calls, *(tool.parameters for tool in conversation.tools)))):
        raise RenderError("nested too deeply")


def _is_deep(text: str) -> bool:
    """Return whether JSON nests deeper than every Python's decoder can follow."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False
