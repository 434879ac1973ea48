"""The error of the chat layer: a row that can't be turned into a conversation."""

from __future__ import annotations

from calibset.tokenizers.base import scalar_text

_MOST_CHARACTERS = 200


class DialectError(Exception):
    """A row breaks the rules of its dialect and can't be repaired.

    Attributes:
        reason: A short phrase, the same for the same fault, so that it can be counted.
        excerpt: The beginning of what stood there, at most 200 characters.
    """

    def __init__(self, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.excerpt = excerpt(value)


def excerpt(value: object) -> str:
    """Return the beginning of a value as text that can be written anywhere.

    Examples:
        >>> len(excerpt("long " * 100))
        200
    """
    try:
        text = str(value)
    except RecursionError:
        return "nested too deeply"
    return scalar_text(text[:_MOST_CHARACTERS])
