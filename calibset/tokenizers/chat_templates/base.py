"""Rendering a conversation: what a chat template returns, and what all of them refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from calibset.core.documents import Conversation
from calibset.core.text import printable

NO_PLACE_FOR_THOUGHTS = (
    "the model's chat format has no place for reasoning, so the thoughts of assistant turns are left out"
)
"""The note on conversations that lost all thoughts for that reason."""

WORDS_LEFT_OUT = "words beside a call left out by the chat format"
CALLS_LEFT_OUT = "calls of earlier exchanges left out by the chat format"
"""What a conversation may lose for which the model's format has no place, as it is counted."""


class TurnSpan(NamedTuple):
    """The position of an assistant turn in a conversation's token ids.

    Attributes:
        start: Index of its first token.
        end: Index after its last token, which is the one that ends the turn.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedConversation:
    """A conversation as the model reads it in use, without the BOS that opens it.

    Attributes:
        id: The conversation's id.
        text: The text with control tokens spelled out, so that a parsing tokenizer reads back `token_ids`.
        token_ids: The ids without BOS.
        turns: The assistant's turns.
        bos_text: The BOS to put before a conversation that does not open its row, as text.
        bos_ids: The same BOS as ids.
        renamed_tools: Pairs of a tool's name for the model and its name in the corpus, where they differ.
        shortened: Whether the end was cut off to fit the conversation into a row.
        dropped_thoughts: How many assistant turns lost their reasoning.
        empty_thoughts: How many times the template writes a thought that is empty.
        left_out: What else the format has no place for, as phrases that can be counted.
        notes: What users of the file should know of how it was rendered; the same for the same case.
    """

    id: str
    text: str
    token_ids: tuple[int, ...]
    turns: tuple[TurnSpan, ...]
    bos_text: str = ""
    bos_ids: tuple[int, ...] = ()
    renamed_tools: tuple[tuple[str, str], ...] = ()
    shortened: bool = False
    dropped_thoughts: int = 0
    empty_thoughts: int = 0
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class ChatTemplate(Protocol):
    """Renders conversations for one model family."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for users of the template and its tokenizer; usually none."""
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
        detail: What is specific to this conversation, if known.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class TooLongToRenderError(RenderError):
    """A conversation has so many letters or turns that no beginning of it fits into a row."""

    def __init__(self) -> None:
        super().__init__("far longer than a row")


_LONGEST_LINE = 100


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, printable and cut to 100 characters, or else its class.

    Examples:
        >>> first_line(ValueError("no\tsuch\x1b user\nline 3")), first_line(KeyError())
        ('no\tsuch\\x1b user', 'KeyError')
        >>> len(first_line(ValueError("long " * 100)))
        100
    """
    message = str(error).strip()
    return printable(message.splitlines()[0])[:_LONGEST_LINE] if message else type(error).__name__


# How deep a decoder can follow depends on the Python version, so a bound of our own comes first.
_MAX_DEPTH = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")


def ensure_renderable(conversation: Conversation) -> None:
    """Refuse empty assistant turns and JSON that nests too deeply, whatever the template.

    A template would write an empty turn without complaint; whether deep JSON can be read depends on the
    Python version. Raises `RenderError`.
    """
    for message in conversation.messages:
        if message.role == "assistant" and not (message.content.strip() or message.tool_calls):
            raise RenderError("empty assistant turn")
    calls = (call.arguments for message in conversation.messages for call in message.tool_calls)
    if any(map(_is_deep, (*calls, *(tool.parameters for tool in conversation.tools)))):
        raise RenderError("nested too deeply")


def _is_deep(text: str) -> bool:
    """Return whether JSON nests deeper than the decoder of every Python version can follow."""
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > _MAX_DEPTH:
            return True
    return False
