"""The columns of a row of any format, turned into a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibset.core.documents import Document, Rejection
from calibset.core.text import excerpt, replace_surrogates

_LONGEST_METADATA = 500


def make_document(
    row: Any, columns: tuple[str, ...], document_id: str, position: str
) -> Document | Rejection:
    r"""Return the columns of a row, joined by a blank line, as a document.

    Blank columns are left out; a row whose columns are all blank, or that is not a mapping, is
    rejected. Short scalar values of the other columns become metadata.

    Examples:
        >>> row = {"title": "Hail", "text": "Ice from clouds.", "year": 2024}
        >>> document = make_document(row, ("title", "text"), "a.csv#0", "a.csv:2")
        >>> document.text, dict(document.metadata)
        ('Hail\n\nIce from clouds.', {'year': '2024'})
        >>> make_document({"title": "Hail"}, ("text",), "a.csv#0", "a.csv:2").reason
        "no column 'text'"
    """
    if not isinstance(row, Mapping):
        return Rejection(position=position, reason="row is no object", excerpt=describe_value(row))
    parts = []
    for column in columns:
        if column not in row:
            return Rejection(position=position, reason=f"no column {column!r}", excerpt=describe_value(row))
        value = row[column]
        if value is not None and not isinstance(value, str):
            return Rejection(
                position=position, reason=f"column {column!r} is no text", excerpt=describe_value(value)
            )
        if value and not value.isspace():
            parts.append(replace_surrogates(value))
    if not parts:
        return Rejection(position=position, reason="empty text")
    return Document(id=document_id, text="\n\n".join(parts), metadata=collect_metadata(row, columns))


def collect_metadata(row: Mapping[Any, Any], columns: tuple[str, ...]) -> dict[str, str]:
    """Return the short scalar values of all columns but the named ones, as text."""
    metadata = {}
    for name, value in row.items():
        if not isinstance(name, str) or name in columns or not isinstance(value, str | int | float):
            continue
        if isinstance(value, int) and value.bit_length() > _LONGEST_METADATA:
            continue  # str() of a huge integer is slow, and refused from 4,300 digits on
        text = str(value)
        if 0 < len(text) <= _LONGEST_METADATA:
            metadata[replace_surrogates(name)] = replace_surrogates(text)
    return metadata


def describe_value(value: Any) -> str:
    """Describe a value in a `Rejection`: by a text's beginning, a row's columns, or else the type."""
    if isinstance(value, Mapping):
        return excerpt(", ".join(str(key)[:200] for key in list(value)[:20]))
    return excerpt(value) if isinstance(value, str) else type(value).__name__


def drop_nulls(value: Any) -> Any:
    """Return a value of a parquet file without null keys, which are there because other rows have them."""
    if isinstance(value, dict):
        return {key: drop_nulls(item) for key, item in value.items() if item is not None}
    return [drop_nulls(item) for item in value] if isinstance(value, list) else value
