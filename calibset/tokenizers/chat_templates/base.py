"""Rendering a conversation: what a chat template returns, and what every one of them refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from calibset.core.documents import Conversation


class TurnSpan(NamedTuple):
    """Where an assistant turn stands in a conversation's token ids.

    Attributes:
        start: Its first token.
        end: One past its last, the token that ends the turn included.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedConversation:
    """A conversation as the model reads it in service, without the BOS that opens it.

    Attributes:
        id: The conversation's.
        text: Control tokens spelled out, so that a parsing tokenizer reads back `token_ids`.
        token_ids: Without BOS.
        turns: The assistant's turns.
        bos_text: BOS, to stand before a conversation that does not open its row.
        bos_ids: The same as ids.
        renamed_tools: Pairs of the name that the model knows a tool by and the corpus's own, where they
            differ.
        shortened: Whether its end was cut off to fit it into a row.
    """

    id: str
    text: str
    token_ids: tuple[int, ...]
    turns: tuple[TurnSpan, ...]
    bos_text: str = ""
    bos_ids: tuple[int, ...] = ()
    renamed_tools: tuple[tuple[str, str], ...] = ()
    shortened: bool = False


class ChatTemplate(Protocol):
    """Renders conversations for one model family."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for whoever uses it with its tokenizer; empty, mostly."""
        ...

    def render(self, conversation: Conversation) -> RenderedConversation:
        """Return the conversation as the model reads it.

        Raises:
            RenderError: The model's format can't express it.
        """
        ...


class RenderError(Exception):
    """A model's format can't express a conversation.

    Attributes:
        reason: A short phrase, the same for the same case, so that it can be counted.
        detail: The particulars of this one, where they are known.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or else its kind.

    Examples:
        >>> first_line(ValueError("no such user\nline 3")), first_line(KeyError())
        ('no such user', 'KeyError')
    """
    message = str(error).strip()
    return message.splitlines()[0] if message else type(error).__name__


# How deep a decoder can follow depends on the Python, so a bound of our own comes first.
_MAX_DEPTH = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


def ensure_renderable(conversation: Conversation) -> None:
    """Refuse empty assistant turns and JSON that nests too deeply, whatever the template.

    A template would write the first without complaint; whether the second can be read depends on the
    Python. Raises `RenderError`.
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
        if depth > _MAX_DEPTH:
            return True
    return False
