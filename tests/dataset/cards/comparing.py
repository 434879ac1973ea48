"""Numbers of a written page beside those that are expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.dataset.cards.expected import Line, expected_tables
from tests.dataset.cards.rendered import shown, table_rows

# Not what is a part of a version, a licence, a hash or a name.
_NUMBER = re.compile(r"(?<![\w.-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?(?![\w-]|\.\d)")


def numbers(text: str) -> list[str]:
    return _NUMBER.findall(text)


def lines(page: str) -> list[tuple[str, list[str]]]:
    """Return the lines that have a number, as a reader sees them, bar tables and the recipe's own words."""
    prose = [line for line in page.splitlines() if not line.startswith(("|", "Description: "))]
    plain = [shown(line.removeprefix("- ")) for line in prose]
    return [(line, numbers(line)) for line in plain if numbers(line)]


def ensure_same(found: Sequence[str], expected: Sequence[float]) -> None:
    """Compare numbers as far as they are written out."""
    assert len(found) == len(expected), (found, expected)
    for text, value in zip(found, expected, strict=True):
        digits = text.removesuffix("%").replace(",", "")
        places = len(digits.partition(".")[2])
        exact = value * 100 if text.endswith("%") else value
        assert abs(float(digits) - exact) <= 0.5 * 10**-places + 1e-9, (text, value)


def ensure_lines(page: str, expected: Sequence[Line]) -> None:
    found = lines(page)
    assert [line[: len(start)] for (line, _), (start, _) in zip(found, expected, strict=False)] == [
        start for start, _ in expected
    ]
    assert len(found) == len(expected), found[len(expected) :]
    for (_, texts), (_, values) in zip(found, expected, strict=True):
        ensure_same(texts, values)


def ensure_tables(page: str, manifest: dict[str, Any]) -> None:
    """Compare the numbers of all tables, of which the last is that of versions."""
    rows = table_rows(page)
    versions = manifest["versions"]
    assert rows[-len(versions) :] == [list(pair) for pair in versions.items()]
    found = [row for row in rows[: -len(versions)] if numbers(" ".join(row))]
    for row, values in zip(found, expected_tables(manifest), strict=True):
        ensure_same([number for cell in row for number in numbers(cell)], values)
