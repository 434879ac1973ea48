"""How a value shows itself in a session: on one line, and in a notebook as a small table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from calibset.core.text import printable

_LONGEST = 60


def write_line(kind: str, name: str, *facts: str) -> str:
    """Return a value on one line: its class, its name, and what else there is to know at a glance.

    Examples:
        >>> write_line("Recipe", "quickstart", "32 rows of 512 tokens", "9 sources")
        '<Recipe quickstart: 32 rows of 512 tokens, 9 sources>'
    """
    return f"<{kind} {_shorten(name)}: {', '.join(map(_shorten, facts))}>"


def write_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table for a notebook; no text in it can be taken for markup or steer the page.

    Examples:
        >>> write_table("a", ["b"], [["<c>"]])
        '<table><caption>a</caption><tr><th>b</th></tr><tr><td>&lt;c&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{_cell(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><caption>{_cell(caption)}</caption><tr>{head}</tr>{body}</table>"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples:
        >>> count(1, "source"), count(1200, "row")
        ('1 source', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cell(value: object) -> str:
    return escape(printable(f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)))


def _shorten(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
