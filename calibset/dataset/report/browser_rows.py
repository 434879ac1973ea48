"""The rows as the page's browser takes them: JSON that no HTML parser can take for markup."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from calibset.core.text import printable, printable_pieces
from calibset.dataset.report.rows import Row
from calibset.tokenizers import ControlTokens

CONTROL, BEYOND, SPELLED = 1, 2, 4
"""Flags of a piece of text: a control token, what is not read, a character that is spelled out."""

BETWEEN, WHOLE, PART, FILLER = range(4)
"""What a stretch of a row is: of no document, a whole one, a part of one, a filler."""

Piece = tuple[int, str]
"""Flags, and text that nothing in steers a page."""

Stretch = tuple[str, int, list[Piece]]
"""A document's id, what it is (`WHOLE`, …), and pieces."""

# Bytes of JSON; with the rest a page stays under ten million.
_MOST = 8_000_000

_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Rows for the browser.

    Attributes:
        json: An array of rows: number, tokens, index of the source, and stretches.
        sources: Their names, and how many rows each has here.
        rows: How many are here.
        of: How many the file has.
    """

    json: str
    sources: tuple[tuple[str, int], ...]
    rows: int
    of: int


def samples_of(rows: Sequence[Row], control_tokens: ControlTokens, *, most: int = _MOST) -> Samples:
    """Return the rows for the browser; of a file that is too long for a page evenly spread ones.

    Args:
        rows: Those of the file.
        control_tokens: The spellings of its tokenizer's.
        most: Bytes that they may take.
    """
    names = list(dict.fromkeys(row.source for row in rows))
    index = {name: number for number, name in enumerate(names)}
    lines = [
        _encoded([row.number, row.tokens, index[row.source], stretches_of(row, control_tokens)])
        for row in rows
    ]
    taken = _spread([len(line.encode()) for line in lines], most)
    counts = [sum(rows[i].source == name for i in taken) for name in names]
    return Samples(
        json="[" + ",\n".join(lines[i] for i in taken) + "]",
        sources=tuple(zip(names, counts, strict=True)),
        rows=len(taken),
        of=len(rows),
    )


def _spread(sizes: Sequence[int], most: int) -> list[int]:
    """Return the places of evenly spread rows that together take no more than ``most``."""
    count = len(sizes)
    while True:
        taken = [i * len(sizes) // count for i in range(count)]
        total = sum(sizes[i] for i in taken)
        if total <= most or count == 1:
            return taken
        count = max(1, min(count - 1, count * most // total))


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)


def stretches_of(row: Row, control_tokens: ControlTokens) -> list[Stretch]:
    """Return a row in stretches, each of one document or of what stands between two."""
    found: list[Stretch] = []
    position = 0
    for span in row.documents:
        start, end = max(position, span.start), max(position, span.end)
        if start > position:
            found.append(("", BETWEEN, list(_pieces(row, position, start, control_tokens))))
        kind = FILLER if span.filler else WHOLE if span.whole else PART
        found.append((printable(span.document), kind, list(_pieces(row, start, end, control_tokens))))
        position = end
    if position < len(row.text):
        found.append(("", BETWEEN, list(_pieces(row, position, len(row.text), control_tokens))))
    return found


def _pieces(row: Row, start: int, end: int, control_tokens: ControlTokens) -> Iterator[Piece]:
    for first, last, beyond in (
        (start, min(end, row.read_to), 0),
        (max(start, row.read_to), end, BEYOND),
    ):
        if first < last:
            for piece, is_control in control_tokens.pieces(row.text[first:last]):
                if is_control:
                    yield CONTROL | beyond, printable(piece)
                else:
                    for shown, spelled in printable_pieces(piece):
                        yield (SPELLED if spelled else 0) | beyond, shown
