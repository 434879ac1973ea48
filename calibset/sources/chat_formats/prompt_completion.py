"""Dialogues in two columns, as TRL has them: the turns of a prompt, and those that complete it."""

from __future__ import annotations

from collections.abc import Mapping

from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.roles import read_role

COMPLETIONS = ("completion", "chosen")
"""The columns that complete a prompt, in the order in which they are looked for."""


def join_turns(prompt: object, completion: object) -> list[object]:
    """Return the turns of a prompt and of what completes it; none if the completion is no list of turns.

    A prompt is a list of turns or the user's words. Sets of preferences may have it in the completion again.

    Examples:
        >>> join_turns("Hi", [{"role": "assistant", "content": "Hello"}])
        [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello'}]
    """
    if not isinstance(completion, list) or not all(isinstance(turn, Mapping) for turn in completion):
        return []
    if isinstance(prompt, list):
        return completion if completion[: len(prompt)] == prompt else [*prompt, *completion]
    if not isinstance(prompt, str) or any(_is_users(turn) for turn in completion):
        return completion
    return [{"role": "user", "content": prompt}, *completion]


def _is_users(turn: Mapping[str, object]) -> bool:
    try:
        return read_role(turn.get("role") or turn.get("from")) == "user"
    except ChatFormatError:  # which the parser says of the row
        return False
