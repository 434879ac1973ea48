"""Text of any origin, shown so that nothing in it steers what shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Control characters, marks that turn the direction of writing, and halves of characters.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return the text with what could steer a terminal or a page spelled out.

    Examples:
        >>> printable("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return _UNPRINTABLE.sub(lambda match: _spelled(match.group()), text)


def printable_pieces(text: str) -> Iterator[tuple[str, bool]]:
    r"""Yield the same text in pieces, each with whether it is spelled out; none is empty.

    Examples:
        >>> list(printable_pieces("a\x00b"))
        [('a', False), ('\\x00', True), ('b', False)]
    """
    position = 0
    for match in _UNPRINTABLE.finditer(text):
        if match.start() > position:
            yield text[position : match.start()], False
        yield _spelled(match.group()), True
        position = match.end()
    if position < len(text):
        yield text[position:], False


def _spelled(character: str) -> str:
    return ascii(character)[1:-1]
