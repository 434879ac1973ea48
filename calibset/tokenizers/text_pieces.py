"""Pieces of texts that are encoded alone, and what they were encoded to a moment ago.

A text is met several times on its way into a row: alone, as the beginning of a document, in the row that is
checked. Its clauses are the same each time, and one that the tokenizer reads the same behind whatever stands
before it need not be encoded again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

# The pattern of every Tekken vocabulary that was published. What it matches ends at the end of a line that a
# sign other than a slash follows: `\s*[\r\n]+` and ` ?[^\s\p{L}\p{N}]+[\r\n/]*`, which alone match the end of
# a line, stop there. It also ends before a space that a sign follows, which is its own or begins the next
# match. Nothing looks back, or on over such a border.
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Up to the end of a line, or a full stop or comma before a space.
_PIECES = re.compile(r"(?:[^\n.,]+|\n(?![^\s/])|[.,](?! \S))*+[\n.,]?")
_MOST_CHARACTERS = 2**20


def split_text(text: str, pattern: str) -> list[str]:
    r"""Return the pieces of a text that a tokenizer of such a pattern reads the same alone as in their place.

    Examples:
        >>> split_text("one, two.\n\nthree\n four\n/five\n", TEKKEN)
        ['one,', ' two.\n\n', 'three\n four\n/five\n', '']
        >>> split_text("one, two", ".+")
        ['one, two']
    """
    return _PIECES.findall(text) if pattern == TEKKEN else [text]


@dataclass(slots=True)
class RecentPieces:
    """The ids of pieces that were encoded lately, as many as fit into a bound of characters.

    Attributes:
        young: The pieces met since the last change of generations.
        old: Those of the generation before; what is not met again is forgotten with it.
        room: How many characters may still be added before the next change.
    """

    young: dict[str, Sequence[int]] = field(default_factory=dict)
    old: dict[str, Sequence[int]] = field(default_factory=dict)
    room: int = _MOST_CHARACTERS

    def encode(self, pieces: Iterable[str], encode: Callable[[str], Sequence[int]]) -> list[int]:
        """Return the ids of pieces that follow on each other.

        Args:
            pieces: The pieces.
            encode: Returns the ids of a piece that was not met lately.
        """
        ids: list[int] = []
        # A build comes here for each clause several times, so that a call more for each would be felt.
        for piece in pieces:
            known = self.young.get(piece)
            if known is None:
                known = self.old.get(piece)
                if known is None:
                    known = encode(piece)
                self._add(piece, known)
            ids += known
        return ids

    def _add(self, piece: str, ids: Sequence[int]) -> None:
        """Remember the ids of a piece, unless it alone would drive out all others."""
        if len(piece) > _MOST_CHARACTERS // 4:
            return
        if len(piece) > self.room:
            self.young, self.old, self.room = {}, self.young, _MOST_CHARACTERS
        self.young[piece] = ids
        self.room -= len(piece)
