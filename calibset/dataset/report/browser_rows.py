"""The rows as data for the page's script: JSON that no HTML parser can take for markup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calibset.dataset.report.rows import Row, split_row
from calibset.tokenizers import ControlTokens

# Bytes of JSON; with the rest a page stays under ten million.
_MOST = 8_000_000

_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserRows:
    """The rows that a page holds, as JSON.

    Attributes:
        json: An array of rows: number, tokens, index of the source, and segments.
        sources: The names of the sources, and how many of these rows each has.
        rows: How many rows the page holds.
        of: How many rows the file has.
    """

    json: str
    sources: tuple[tuple[str, int], ...]
    rows: int
    of: int


def write_browser_rows(
    rows: Sequence[Row], control_tokens: ControlTokens, *, most: int = _MOST
) -> BrowserRows:
    """Return the rows for the page, or evenly spread ones if the file is too long for a page.

    Args:
        rows: The rows of the file.
        control_tokens: The control tokens of its tokenizer.
        most: How many bytes of JSON they may take.
    """
    names = list(dict.fromkeys(row.source for row in rows))
    index = {name: number for number, name in enumerate(names)}
    lines = [
        _encode([row.number, row.tokens, index[row.source], split_row(row, control_tokens)]) for row in rows
    ]
    chosen = _spread([len(line.encode()) for line in lines], most)
    counts = [sum(rows[i].source == name for i in chosen) for name in names]
    return BrowserRows(
        json="[" + ",\n".join(lines[i] for i in chosen) + "]",
        sources=tuple(zip(names, counts, strict=True)),
        rows=len(chosen),
        of=len(rows),
    )


def _spread(sizes: Sequence[int], most: int) -> list[int]:
    """Return the indexes of evenly spread rows that together take no more than ``most``."""
    count = len(sizes)
    while True:
        chosen = [i * len(sizes) // count for i in range(count)]
        total = sum(sizes[i] for i in chosen)
        if total <= most or count == 1:
            return chosen
        count = max(1, min(count - 1, count * most // total))


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)
