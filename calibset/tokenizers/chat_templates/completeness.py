"""A conversation's shadow: the same turns, calls and tools around texts that say nothing.

What a template writes around the shadow it writes of its own accord: the control tokens that it
means, and proof that no turn, call or tool of the conversation is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from calibset.core.documents import Conversation
from calibset.core.text_map import map_texts
from calibset.tokenizers.chat_templates.base import RenderError

# What control tokens are spelled with beside letters and digits.
_MARKS = re.compile(r"[^\w\s]|_")
_WORD = re.compile(r"turn[0-9]+calibset")


def word(place: int) -> str:
    """Return what a message's shadow says: letters and digits, which any template leaves as they are.

    Examples:
        >>> word(3)
        'turn3calibset'
    """
    return f"turn{place}calibset"


def placeholder_copy(conversation: Conversation, control_tokens: Iterable[str]) -> Conversation:
    """Return a conversation's shadow: none of its texts can spell a control token.

    What is said becomes the message's `word`, except where nothing is said. Names of tools stay.

    Args:
        conversation: Whose.
        control_tokens: How the model's are spelled.
    """
    # "think" is nothing but a word, and yet what a template's own brackets make a control token of.
    cores = {_MARKS.sub("", spelling) for spelling in control_tokens}
    messages = tuple(
        replace(message, content=word(place)) if message.content.strip() else message
        for place, message in enumerate(conversation.messages)
    )
    return map_texts(
        replace(conversation, messages=messages),
        lambda text: "x" if text.strip() in cores else _MARKS.sub("x", text),
    )


def ensure_complete(
    text: str, shadow: Conversation, names: Mapping[str, str], *, declares: bool = True
) -> None:
    """Make sure that what a template wrote of a shadow holds all of it.

    Words beside a call may be missing: many models' formats have no place for them.

    Args:
        text: What it wrote.
        shadow: As of `placeholder_copy`.
        names: What the template was given for each tool's name.
        declares: Whether it writes the tools on offer, and not only calls; a tool that is never
            called must be there either way.

    Raises:
        RenderError: A tool, a call or a turn is not there.
    """
    called = Counter(call.name for message in shadow.messages for call in message.tool_calls)
    offered = {tool.name for tool in shadow.tools}
    for own, name in names.items():
        if text.count(name) < max(1, called[own] + (declares and own in offered)):
            raise RenderError("the chat template leaves out tools or their calls", name)
    found = set(_WORD.findall(text))
    for place, message in enumerate(shadow.messages):
        said = message.content == word(place) and not message.tool_calls
        if said and word(place) not in found:
            raise RenderError("the chat template leaves out a turn", message.role)
