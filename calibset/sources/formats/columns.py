"""What the tabular adapters share: from the columns of a row to a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibset.core.documents import Document, Rejection
from calibset.core.text import replace_surrogates

EXCERPT_LENGTH = 200
"""Characters of a faulty record that a `Rejection` shows, at most."""

_LONGEST_METADATA = 500


def make_document(row: Any, columns: tuple[str, ...], id_: str, position: str) -> Document | Rejection:
    r"""Return the document that the columns of a row make up, joined by a blank line.

    Blank columns are left out; a row whose columns are all blank is rejected. Short scalar
    values of the other columns become metadata.

    Args:
        row: A mapping by column name; anything else is rejected.
        columns: The columns that hold text.
        id_: The document's id.
        position: What a rejection names.

    Examples:
        >>> row = {"title": "Hail", "text": "Ice from clouds.", "year": 2024}
        >>> document = make_document(row, ("title", "text"), "a.csv#0", "a.csv:2")
        >>> document.text, dict(document.metadata)
        ('Hail\n\nIce from clouds.', {'year': '2024'})
        >>> make_document({"title": "Hail"}, ("text",), "a.csv#0", "a.csv:2").reason
        "no column 'text'"
    """
    if not isinstance(row, Mapping):
        return Rejection(position=position, reason="row is no object", excerpt=make_excerpt(row))
    parts = []
    for column in columns:
        if column not in row:
            return Rejection(position=position, reason=f"no column {column!r}", excerpt=make_excerpt(row))
        value = row[column]
        if value is not None and not isinstance(value, str):
            return Rejection(
                position=position, reason=f"column {column!r} is no text", excerpt=make_excerpt(value)
            )
        if value and not value.isspace():
            parts.append(replace_surrogates(value))
    if not parts:
        return Rejection(position=position, reason="empty text")
    return Document(id=id_, text="\n\n".join(parts), metadata=dict(collect_metadata(row, columns)))


def collect_metadata(row: Mapping[Any, Any], columns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the short scalar values of the columns that aren't among the named ones, as text."""
    for name, value in row.items():
        if not isinstance(name, str) or name in columns or not isinstance(value, str | int | float):
            continue
        if isinstance(value, int) and value.bit_length() > _LONGEST_METADATA:
            continue  # str() of a huge integer is slow, and refused from 4,300 digits on
        spelled = str(value)
        if 0 < len(spelled) <= _LONGEST_METADATA:
            yield replace_surrogates(name), replace_surrogates(spelled)


def make_excerpt(value: Any) -> str:
    """Return what a `Rejection` shows of a value: of a row the names of its columns."""
    if isinstance(value, Mapping):
        return replace_surrogates(", ".join(str(key)[:EXCERPT_LENGTH] for key in list(value)[:20]))[
            :EXCERPT_LENGTH
        ]
    if isinstance(value, str):
        return replace_surrogates(value[:EXCERPT_LENGTH])
    return type(value).__name__
