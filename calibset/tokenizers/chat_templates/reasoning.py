"""What the assistant thinks before it speaks: counted, and left out where a model does not read it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import Literal

from calibset.core.documents import Conversation

ReasoningKey = Literal["reasoning_content", "reasoning", "thinking", "part", "content"]
"""Where a template looks for a turn's thoughts: in a key of that name; in a part of the content, of type
``thinking``; or between ``<think>`` and ``</think>`` at the beginning of the content."""


def count_thoughts(conversation: Conversation) -> int:
    """Return how many of a conversation's turns have thoughts."""
    return sum(bool(message.reasoning.strip()) for message in conversation.messages)


def drop_thoughts(conversation: Conversation, *, keep: Container[int] = ()) -> Conversation:
    """Return the conversation without the thoughts of its turns, but for those of some indexes."""
    messages = tuple(
        replace(message, reasoning="") if message.reasoning and index not in keep else message
        for index, message in enumerate(conversation.messages)
    )
    return replace(conversation, messages=messages)
