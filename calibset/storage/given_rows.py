"""Rows that a program gives instead of a location: data sets, data frames, and iterables of mappings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from hashlib import sha256
from typing import Any

from calibset.core.errors import SourceError
from calibset.storage.files import Reader, memory_reader

GIVEN = "memory"
"""What `where` says of rows that a program gives."""

# What pandas has in place of a missing value; none of them may be compared.
_MISSING = ("NAType", "NaTType")


def read_given_rows(rows: object, name: str) -> Reader:
    """Return a reader of rows as a file of JSON Lines, whose revision is the hash of what they hold.

    Args:
        rows: A `datasets.Dataset`, a frame of polars or pandas, a table of pyarrow, or an iterable of dicts.
        name: The name of the source, which the file gets.

    Raises:
        SourceError: It is none of these, or a row is no mapping.
    """
    lines = []
    for number, row in enumerate(_iterate(rows)):
        if not isinstance(row, Mapping):
            raise SourceError(f"row {number} is no mapping but a {type(row).__name__}; give dicts")
        plain = {str(key): None if _is_missing(value) else value for key, value in row.items()}
        try:
            lines.append(json.dumps(plain, default=_convert, skipkeys=True))
        except (ValueError, RecursionError) as error:
            raise SourceError(f"row {number} can't be written as JSON ({error})") from error
    content = "".join(f"{line}\n" for line in lines).encode("ascii")
    return memory_reader({f"{name}.jsonl": content}, GIVEN, sha256(content).hexdigest())


def _iterate(rows: Any) -> Iterator[object]:
    """Yield the rows of a data set or frame, of whichever library; none of them is imported."""
    if isinstance(rows, Mapping):  # a DatasetDict is one, too
        raise SourceError(
            f"a {type(rows).__name__} is no table but has {', '.join(map(str, list(rows)[:5]))}; give one "
            "split, or an iterable of rows"
        )
    if hasattr(rows, "collect") and hasattr(rows, "collect_schema"):  # a lazy frame of polars
        rows = rows.collect()
    if hasattr(rows, "iter_rows"):  # polars
        yield from rows.iter_rows(named=True)
    elif hasattr(rows, "itertuples"):  # pandas
        names = [str(name) for name in rows.columns]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SourceError(f"{names.count(twice)} columns are named {twice!r}; rename all but one")
        yield from (
            dict(zip(names, values, strict=True)) for values in rows.itertuples(index=False, name=None)
        )
    elif hasattr(rows, "to_batches"):  # pyarrow
        for batch in rows.to_batches():
            yield from batch.to_pylist()
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        yield from rows
    else:
        raise SourceError(
            f"a {type(rows).__name__} holds no rows; give a datasets.Dataset, a frame of polars or "
            "pandas, or an iterable of dicts"
        )


def _is_missing(value: object) -> bool:
    return type(value).__name__ in _MISSING or (isinstance(value, float) and value != value)  # noqa: PLR0124  (NaN)


def _convert(value: Any) -> Any:
    """Return a value that JSON doesn't have as one that it has; of bytes, say, only the type is left."""
    if hasattr(value, "tolist"):  # of numpy
        return value.tolist()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return {type(value).__name__: None}
