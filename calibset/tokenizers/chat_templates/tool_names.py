"""Names of tools and ids of calls that target models accept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from calibset.core.documents import Conversation

# What OpenAI's API and mistral-common's validator accept; a Jinja template has no rule of its own.
_BARRED = re.compile(r"[^a-zA-Z0-9_-]")
_BARRED_BUT_DOTS = re.compile(r"[^a-zA-Z0-9_.-]")
_LONGEST_NAME = 64
_ID_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def map_tool_names(conversation: Conversation, *, dots: bool = False) -> dict[str, str]:
    """Map the names of a conversation's tools, called or declared, to names that a model accepts."""
    called = (call.name for message in conversation.messages for call in message.tool_calls)
    return valid_names([*(tool.name for tool in conversation.tools), *called], dots=dots)


def list_renamed(names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return pairs of a valid name and the name in the corpus, where they differ."""
    return tuple((valid, name) for name, valid in names.items() if valid != name)


def valid_names(names: Iterable[str], *, dots: bool = False) -> dict[str, str]:
    """Map tool names to distinct names that the model's format allows, with or without dots.

    Examples:
        >>> valid_names(["get_time", "User Feed (V2)", "User Feed [V2]"])
        {'get_time': 'get_time', 'User Feed (V2)': 'User_Feed_V2', 'User Feed [V2]': 'User_Feed_V2_2'}
    """
    barred = _BARRED_BUT_DOTS if dots else _BARRED
    ordered = list(dict.fromkeys(names))
    # A name that is valid stays as it is, even if one before it would turn into it.
    valid = {name for name in ordered if 0 < len(name) <= _LONGEST_NAME and not barred.search(name)}
    taken = set(valid)
    mapping = {}
    for name in ordered:
        mapping[name] = name if name in valid else _free_name(name, taken, barred)
        taken.add(mapping[name])
    return mapping


def _free_name(name: str, taken: set[str], barred: re.Pattern[str]) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    plain = re.sub(r"_{2,}", "_", barred.sub("_", letters)).strip("_")[:_LONGEST_NAME] or "tool"
    candidate, number = plain, 1
    while candidate in taken:
        number += 1
        ending = f"_{number}"
        candidate = plain[: _LONGEST_NAME - len(ending)] + ending
    return candidate


def valid_call_id(conversation: str, call: str) -> str:
    """Return the nine letters and digits that identify a call, the same in every run.

    Examples:
        >>> valid_call_id("row 1", "call_0")
        'pfSor6QcN'
    """
    number = int.from_bytes(blake2b(f"{conversation}\x1f{call}".encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(9):
        number, digit = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[digit])
    return "".join(letters)
