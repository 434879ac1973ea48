"""Where the texts of a conversation stand in what a template wrote, and the proof that they are whole.

A rendered placeholder copy shows what a template writes around the texts. The same must stand around them in
the conversation itself, and between it every text as it is, but for blanks at its ends and escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from calibset.tokenizers.chat_templates.base import RenderError
from calibset.tokenizers.chat_templates.completeness import PLACEHOLDER

# How much of what a template writes beside a text is compared; before a text, the longest that is found.
_NEAR = 16
_BEFORE = (64, 32, 16, 8, 4)
_IGNORED = re.compile(r"""[\s\\"']+""")


class AlignedText(NamedTuple):
    """A text in a rendered placeholder copy and in the rendered conversation.

    Attributes:
        copy_start: Where its placeholder begins in the copy.
        copy_end: Where its placeholder ends.
        start: Where it begins in the conversation.
        end: Where it ends.
    """

    copy_start: int
    copy_end: int
    start: int
    end: int


def align_texts(copy: str, text: str, values: Mapping[str, str]) -> list[AlignedText]:
    """Return where texts stand, in the order in which the template wrote them.

    Args:
        copy: The rendered placeholder copy.
        text: The rendered conversation.
        values: The texts by their placeholders.

    Raises:
        RenderError: The template cuts or changes a text.

    Examples:
        >>> align_texts("<user>turn0calibset<end>", "<user>Hi!<end>", {"turn0calibset": "Hi! "})
        [AlignedText(copy_start=6, copy_end=19, start=6, end=9)]
    """
    aligned: list[AlignedText] = []
    copy_at = at = 0
    for match in PLACEHOLDER.finditer(copy):
        if (value := values.get(match.group())) is None:
            continue
        start = _find_start(copy[copy_at : match.start()], text, at, value)
        end = None if start is None else _find_end(copy, match.end(), text, start, value)
        if start is None or end is None:
            raise RenderError("the chat template changes a text", value[:_NEAR])
        aligned.append(AlignedText(match.start(), match.end(), start, end))
        copy_at, at = match.end(), end
    return aligned


def _find_start(before: str, text: str, at: int, value: str) -> int | None:
    """Return where a text starts that follows a piece of the template's own."""
    if text.startswith(before, at):
        return at + len(before)
    # Calls or tools stand between the two texts, and these are others than in the copy.
    marks = list(PLACEHOLDER.finditer(before))
    own = before[marks[-1].end() :] if marks else before
    tails = [tail for tail in (own[-length:] for length in _BEFORE) if tail]
    for tail in tails:
        # The first of them: a later text may begin as this one does in another form.
        found = [text.find(tail + form, at) for form in _forms(value)]
        if places := [place for place in found if place >= 0]:
            return min(places) + len(tail)
    return next((place + len(tail) for tail in tails if (place := text.find(tail, at)) >= 0), None)


def _find_end(copy: str, copy_at: int, text: str, start: int, value: str) -> int | None:
    """Return where a text ends, or None if it is not there as a whole."""
    following = copy[copy_at : copy_at + _NEAR]
    if mark := PLACEHOLDER.search(copy, copy_at):
        following = following[: mark.start() - copy_at]
    ends = [start + len(form) for form in _forms(value) if text.startswith(form, start)]
    if exact := next((end for end in ends if text.startswith(following, end)), None):
        return exact
    if ends and mark and not mark.group().startswith(("turn", "thought")):
        return ends[0]  # what a tool's declaration says is other text than in the copy
    end = text.find(following, start) if following else len(text)
    written = _IGNORED.sub("", text[start:end]) if end >= 0 else ""
    return end if written and written in (_IGNORED.sub("", form) for form in _forms(value)) else None


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which templates write a text."""
    yield value
    yield value.strip()
    yield value.rstrip()
    yield value.lstrip()
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value.strip(), ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1]
