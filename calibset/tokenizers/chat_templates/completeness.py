"""A copy of a conversation with placeholders for its texts, and the check that a template writes all of it.

Whatever surrounds the placeholders in a rendered copy comes from the template itself: these are the control
tokens that it means to write, and the placeholders prove that no turn, call or tool is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from calibset.core.documents import Conversation
from calibset.core.text_map import map_texts
from calibset.tokenizers.chat_templates.base import RenderError

# Characters other than letters and digits, of which control tokens are spelled.
_MARKS = re.compile(r"[^\w\s]|_")
_PLACEHOLDER = re.compile(r"turn[0-9]+calibset")


def placeholder(index: int) -> str:
    """Return the placeholder for a message's text: letters and digits, which no template changes.

    Examples:
        >>> placeholder(3)
        'turn3calibset'
    """
    return f"turn{index}calibset"


def placeholder_copy(conversation: Conversation, control_tokens: Iterable[str]) -> Conversation:
    """Return a copy of the conversation whose texts can't spell any of the control tokens.

    A message's text becomes its `placeholder`, unless it is empty. Names of tools stay.
    """
    # "think" is only a word, but a template's own brackets turn it into a control token.
    cores = {_MARKS.sub("", spelling) for spelling in control_tokens}
    messages = tuple(
        replace(message, content=placeholder(index)) if message.content.strip() else message
        for index, message in enumerate(conversation.messages)
    )
    return map_texts(
        replace(conversation, messages=messages),
        lambda text: "x" if text.strip() in cores else _MARKS.sub("x", text),
    )


def ensure_complete(
    text: str, copy: Conversation, names: Mapping[str, str], *, declares_tools: bool = True
) -> None:
    """Refuse a rendered copy if a tool, a call or a turn is left out.

    The text of a message that calls tools may be missing: many models' formats have no place for it. A
    template that declares no tools writes calls only, and yet a tool that is never called must be there.
    """
    calls = Counter(call.name for message in copy.messages for call in message.tool_calls)
    offered = {tool.name for tool in copy.tools}
    for own_name, name in names.items():
        if text.count(name) < max(1, calls[own_name] + (declares_tools and own_name in offered)):
            raise RenderError("the chat template leaves out tools or their calls", name)
    written = set(_PLACEHOLDER.findall(text))
    for index, message in enumerate(copy.messages):
        is_text_only = message.content == placeholder(index) and not message.tool_calls
        if is_text_only and placeholder(index) not in written:
            raise RenderError("the chat template leaves out a turn", message.role)
