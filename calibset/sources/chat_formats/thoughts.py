"""What an assistant thinks before it speaks, written into its words: ``<think>…</think>``."""

from __future__ import annotations

import re

from calibset.sources.chat_formats.base import ChatFormatError
from calibset.sources.chat_formats.code_spans import find_outside_code

_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
)
_ANSWER = re.compile(
    r"\s*(?:<\|begin_of_solution\|>(?P<a>.*?)(?:<\|end_of_solution\|>\s*)?"
    r"|<\|START_RESPONSE\|>(?P<b>.*?)(?:<\|END_RESPONSE\|>\s*)?)\Z",
    re.DOTALL,
)
_CLOSING = re.compile(r"</think>(?=[ \t]*(?:\n|\Z))")
_INSIDE = re.compile(r"</think>|\[/THINK\]")


def split_thoughts(text: str) -> tuple[str, str]:
    r"""Return the thoughts at the head of an assistant's words, and the words without them.

    Templates of DeepSeek and Qwen open the thought in the prompt, so that only its end is in the words.
    Words without thoughts are returned as they are.

    Examples:
        >>> split_thoughts("<think>\nTwo and two.\n</think>\n\nFour.")
        ('Two and two.', 'Four.')
        >>> split_thoughts("Two and two.\n</think>\n\nFour.")
        ('Two and two.', 'Four.')
        >>> split_thoughts(" Four.")
        ('', ' Four.')
    """
    thoughts, rest = [], text
    while (tags := _find_opening(rest)) is not None:
        thought, closing, rest = rest.lstrip().removeprefix(tags[0]).partition(tags[1])
        if not closing:
            raise ChatFormatError("reasoning without an end", text)
        thoughts.append(thought.strip())
    if not thoughts and (end := find_outside_code(_CLOSING, text)) and "<think>" not in text[: end.start()]:
        thoughts, rest = [text[: end.start()].strip()], text[end.end() :]
    if not thoughts:
        return "", text
    if answer := _ANSWER.match(rest):
        rest = answer["a"] or answer["b"] or ""
    return "\n\n".join(filter(None, thoughts)), rest.strip()


def check_no_thoughts(text: str) -> None:
    """Raise `ChatFormatError` if an assistant's words hold thoughts in their midst."""
    if find_outside_code(_INSIDE, text):
        raise ChatFormatError("reasoning in the midst of words", text)


def merge_thoughts(written: str, tagged: str) -> str:
    """Return the thoughts of a turn that may be under a key, between tags, or the same in both."""
    if written and tagged and written != tagged:
        raise ChatFormatError("two keys that differ: reasoning", [written, tagged])
    return written or tagged


def _find_opening(text: str) -> tuple[str, str] | None:
    head = text[:200].lstrip()
    return next((tags for tags in _TAGS if head.startswith(tags[0])), None)
