"""What no template may be given."""

from __future__ import annotations

import re

from calibset.chat.template import RenderError
from calibset.document import Conversation

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
