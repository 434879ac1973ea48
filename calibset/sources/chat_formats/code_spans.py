"""Code inside prose, where control words are spoken of and not used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)


class Pattern(Protocol):
    """What is looked for: a compiled pattern, or another way of finding its matches."""

    def finditer(self, text: str, /) -> Iterator[re.Match[str]]:
        """Yield the matches in a text, in order and without overlaps."""
        ...


def find_outside_code(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first match of a pattern that does not begin inside backticks.

    Examples:
        >>> find_outside_code(re.compile("<think>"), "It writes `<think>` first.") is None
        True
    """
    return next(iterate_outside_code(pattern, text), None)


def iterate_outside_code(pattern: Pattern, text: str) -> Iterator[re.Match[str]]:
    """Yield the matches of a pattern that don't begin inside backticks."""
    spans = _CODE.finditer(text)
    span = None
    ended = False
    for match in pattern.finditer(text):
        while not ended and (span is None or span.end() <= match.start()):
            span = next(spans, None)
            ended = span is None
        if span is None or match.start() <= span.start():
            yield match
