"""A copy of a conversation with placeholders for its texts, and whether a template writes all of it.

What a template writes around placeholders it writes of its own accord: the control tokens that it
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

# Characters other than letters and digits, of which control tokens are spelled.
_MARKS = re.compile(r"[^\w\s]|_")
_PLACEHOLDER = re.compile(r"turn[0-9]+calibset")


def placeholder(index: int) -> str:
    """Return what stands for a message's text: letters and digits, which any template leaves as they are.

    Examples:
        >>> placeholder(3)
        'turn3calibset'
    """
    return f"turn{index}calibset"


def placeholder_copy(conversation: Conversation, control_tokens: Iterable[str]) -> Conversation:
    """Return the conversation with texts of which none can spell one of the control tokens.

    A message's text becomes its `placeholder`, except where it is empty. Names of tools stay.
    """
    # "think" is nothing but a word, and yet what a template's own brackets make a control token of.
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
    """Refuse what a template wrote if a tool, a call or a turn is left out.

    The text of a message that calls may be missing: many models' formats have no place for it. A template
    that declares no tools writes calls only, and yet a tool that is never called must be there.
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
