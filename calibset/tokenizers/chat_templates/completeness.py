"""A copy of a conversation with placeholders for its texts, and the check that a template writes all of it.

Whatever surrounds the placeholders in a rendered copy comes from the template itself: these are the control
tokens that it means to write, and the placeholders prove that no turn, call, argument or tool is left out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from calibset.core.documents import Conversation, Message
from calibset.core.text import dump_json
from calibset.core.text_map import map_texts
from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.tool_names import map_tool_names

# Characters other than letters and digits, of which control tokens are spelled.
_MARKS = re.compile(r"[^\w\s]|_")
# Stands for a number, which must stay one: some templates write texts and numbers differently.
_FIRST_NUMBER = 7_100_000_000

LEAVES_OUT_TOOLS = "the chat template leaves out tools or their calls"
"""Why a template can't express a conversation with tools."""

PLACEHOLDER = re.compile(r"(?:turn|thought|tool|(?:key|value)([0-9]+)n)([0-9]+)calibset|71[0-9]{8}")
"""Any placeholder: letters and digits, which no template changes."""


def placeholder(index: int) -> str:
    """Return the placeholder for a message's text.

    Examples:
        >>> placeholder(3)
        'turn3calibset'
    """
    return f"turn{index}calibset"


def thought_placeholder(index: int) -> str:
    """Return the placeholder for a message's reasoning."""
    return f"thought{index}calibset"


@dataclass(frozen=True, slots=True)
class PlaceholderCopy:
    """A conversation without a text that could spell a control token.

    Attributes:
        conversation: The copy.
        tools: The placeholders of tools' names, and the names for the model that they stand for.
        arguments: For each message the placeholders in the arguments of each of its calls.
    """

    conversation: Conversation
    tools: Mapping[str, str]
    arguments: tuple[tuple[frozenset[str], ...], ...]

    @property
    def names(self) -> Mapping[str, str]:
        """The names of its tools for the model, which are the same."""
        return {name: name for name in self.tools}


def placeholder_copy(conversation: Conversation, control_tokens: Iterable[str]) -> PlaceholderCopy:
    """Return a copy of the conversation whose texts can't spell any of the control tokens.

    Texts, thoughts, names of tools, and the keys, texts and numbers of arguments become placeholders,
    unless they are empty. What a tool's declaration says loses its punctuation.
    """
    # "think" is only a word, but a template's own brackets turn it into a control token.
    cores = {_MARKS.sub("", spelling) for spelling in control_tokens}
    valid = map_tool_names(conversation, dots=True)
    names = {name: f"tool{index}calibset" for index, name in enumerate(valid)}
    declared = map_texts(
        replace(conversation, messages=()),
        lambda text: "x" if text.strip() in cores else _MARKS.sub("x", text),
    )
    numbers = count(_FIRST_NUMBER)
    messages = tuple(
        _mask_message(index, message, names, numbers) for index, message in enumerate(conversation.messages)
    )
    return PlaceholderCopy(
        replace(
            declared,
            messages=messages,
            tools=tuple(replace(tool, name=names[tool.name]) for tool in declared.tools),
        ),
        {names[name]: shown for name, shown in valid.items()},
        tuple(
            tuple(frozenset(_find_placeholders(call.arguments)) for call in message.tool_calls)
            for message in messages
        ),
    )


def _mask_message(index: int, message: Message, names: Mapping[str, str], numbers: Iterator[int]) -> Message:
    leaves = count()
    calls = tuple(
        replace(call, name=names[call.name], arguments=_mask_json(call.arguments, index, leaves, numbers))
        for call in message.tool_calls
    )
    return replace(
        message,
        content=placeholder(index) if message.content.strip() else message.content,
        reasoning=thought_placeholder(index) if message.reasoning.strip() else "",
        tool_calls=calls,
    )


def _mask_json(text: str, message: int, leaves: Iterator[int], numbers: Iterator[int]) -> str:
    """Return JSON with a placeholder for each key, text and number that is not empty or 0."""

    def spell(kind: str) -> str:
        return f"{kind}{message}n{next(leaves):06}calibset"

    def mask(value: Any) -> Any:
        if isinstance(value, dict):
            # A template that sorts keys must sort the placeholders alike.
            keys = {key: spell("key") for key in sorted(value, key=lambda key: (key.lower(), key))}
            return {keys[key]: mask(item) for key, item in value.items()}
        if isinstance(value, list):
            return [mask(item) for item in value]
        if isinstance(value, str):
            return spell("value") if value.strip() else value
        if isinstance(value, bool) or not value:
            return value
        return next(numbers) + (0.5 if isinstance(value, float) else 0)

    return dump_json(mask(json.loads(text)))


def _find_placeholders(text: str) -> Iterator[str]:
    return (match.group() for match in PLACEHOLDER.finditer(text))


def ensure_complete(
    text: str, copy: PlaceholderCopy, *, declares_tools: bool = True, names_in_result: int = 0
) -> None:
    """Refuse a rendered copy if a tool, a call, an argument or a turn is left out.

    The text of a message that calls tools may be missing: many models' formats have no place for it. A
    template that declares no tools writes calls only, and yet a tool that is never called must be there.
    """
    counts = Counter(_find_placeholders(text))
    messages = copy.conversation.messages
    calls = Counter(call.name for message in messages for call in message.tool_calls)
    offered = {tool.name for tool in copy.conversation.tools}
    named = {call.id: call.name for message in messages for call in message.tool_calls}
    results = Counter(named.get(message.tool_call_id or "") for message in messages)
    # Only its name shows that a call without arguments is there.
    bare = {
        call.name
        for message, arguments in zip(messages, copy.arguments, strict=True)
        for call, leaves in zip(message.tool_calls, arguments, strict=True)
        if not leaves
    }
    for tool, name in copy.tools.items():
        needed = calls[tool] + (declares_tools and tool in offered)
        if tool in bare:
            needed += names_in_result * results[tool]
        if counts[tool] < max(1, needed):
            raise RenderError(LEAVES_OUT_TOOLS, name)
    for message, arguments in zip(messages, copy.arguments, strict=True):
        for call, leaves in zip(message.tool_calls, arguments, strict=True):
            if leaves and not leaves & counts.keys():
                raise RenderError(LEAVES_OUT_TOOLS, copy.tools[call.name])
            if not leaves <= counts.keys():
                raise RenderError("the chat template leaves out arguments of calls", copy.tools[call.name])
    for index, message in enumerate(messages):
        is_text_only = message.content == placeholder(index) and not message.tool_calls
        if is_text_only and placeholder(index) not in counts:
            raise RenderError("the chat template leaves out a turn", message.role)


def ensure_speakers(text: str, copy: PlaceholderCopy, headers: Mapping[str, str]) -> None:
    """Refuse a rendered copy in which a turn runs into another speaker's, or stands under another's name.

    Some templates take the first turn for the user's, whoever speaks.

    Args:
        text: The rendered copy.
        copy: The placeholder copy.
        headers: What the template writes between turns, by the role that speaks next.
    """
    if not any(headers.values()):
        return
    messages = copy.conversation.messages
    roles = {placeholder(index): message.role for index, message in enumerate(messages)}
    first = next((index for index, message in enumerate(messages) if message.role != "system"), 0)
    greeting = {placeholder(first), thought_placeholder(first)} if messages[first].role == "assistant" else ()
    previous, at = "", 0
    for match in PLACEHOLDER.finditer(text):
        role, between = roles.get(match.group(), ""), text[at : match.start()]
        fits = {other: count_common_end(between, header) for other, header in headers.items()}
        if match.group() in greeting:
            if fits["assistant"] <= count_common_end(*headers.values()):
                raise RenderError("the chat template has no place for a greeting")
            greeting = ()
        if role and not between and previous not in ("", role) and "assistant" in (previous, role):
            raise RenderError("the chat template runs two turns together", role)
        best = max(fits.values())
        # Brackets alone end the names of many things.
        if role in headers and fits[role] < best and re.search(r"\w", between[-best:]):
            raise RenderError("the chat template gives a turn to another speaker", role)
        previous, at = role or previous, match.end()


def count_common_end(text: str, other: str) -> int:
    """Return how many characters two texts have in common at their ends."""
    return next(
        (index for index, (a, b) in enumerate(zip(reversed(text), reversed(other), strict=False)) if a != b),
        min(len(text), len(other)),
    )


def find_kept_thoughts(text: str, copy: PlaceholderCopy) -> frozenset[int]:
    """Return the indexes of the messages whose thoughts are in a rendered copy."""
    written = set(_find_placeholders(text))
    thoughts = (index for index, message in enumerate(copy.conversation.messages) if message.reasoning)
    return frozenset(index for index in thoughts if thought_placeholder(index) in written)


def leaves_out_words(text: str, copy: PlaceholderCopy) -> bool:
    """Return whether a rendered copy lacks what the assistant says beside a call."""
    written = set(_find_placeholders(text))
    return any(
        message.content == placeholder(index) and placeholder(index) not in written
        for index, message in enumerate(copy.conversation.messages)
    )
