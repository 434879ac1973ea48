"""The rows of a calibration file, read as a quantizer reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from calibset.core.errors import QuantizerError
from calibset.core.text import replace_surrogates
from calibset.storage.parquet_tables import TableTooLargeError, read_table
from calibset.tokenizers.base import Tokenizer

# The columns of a parquet file whose values are read; of others the name alone matters.
_COLUMNS_READ = ("messages", "conversations", "tools", "text", "input_ids")
# Rows of any file, and for how many bytes of a larger one there may be another: a real row has hundreds.
_MOST_ROWS, _BYTES_PER_ROW = 100_000, 100


@dataclass(frozen=True, slots=True)
class UnusableRow:
    """A row that a quantizer drops, or reads something else of than its text or its ids."""

    reason: str


@dataclass(frozen=True, slots=True)
class FatalRow:
    """A row that a quantizer stops at, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnjudgedRow:
    """A row that a quantizer reads in a way that isn't simulated, and which."""

    reason: str


RowInput: TypeAlias = str | tuple[int, ...] | UnusableRow | UnjudgedRow
"""A row as a quantizer takes it: its text, or exact ids with BOS among them."""


def read_rows(
    path: Path,
    read_row: Callable[[Any], RowInput | FatalRow],
    *,
    tokenizer: Tokenizer | None = None,
    skip_blank: bool = True,
) -> tuple[list[RowInput], list[str]]:
    """Return the rows of a file as a quantizer takes them, and the faults that it stops at.

    Args:
        path: JSON Lines, a ``.json`` array, or a ``.parquet`` file.
        read_row: Returns the part of a row's value that the quantizer takes.
        tokenizer: The quantizer's tokenizer, to find ids outside its vocabulary.
        skip_blank: Whether the quantizer skips blank lines; otherwise it stops at them.

    Returns:
        The rows, with an empty text where the quantizer stops, and the faults.

    Raises:
        QuantizerError: The file can't be read.
    """
    rows: list[RowInput] = []
    faults = []
    for number, value in enumerate(_read_values(path, skip_blank=skip_blank), 1):
        row = _read_value(value, read_row, tokenizer)
        if isinstance(row, FatalRow):
            faults.append(f"row {number}: {row.reason}")
            row = ""
        rows.append(row)
    if not rows:
        faults.append("the file holds no row")
    return rows, faults


def read_one_row(
    path: Path, number: int, read_row: Callable[[Any], RowInput | FatalRow], tokenizer: Tokenizer
) -> RowInput | FatalRow:
    """Return one row of a file, counted from 1, blank lines among them; the others are not looked at.

    Raises:
        QuantizerError: The file can't be read, or has no such row.
    """
    for value in islice(_read_values(path, skip_blank=False), number - 1, None):
        return _read_value(value, read_row, tokenizer)
    raise QuantizerError(f"{path}: has no row {number}")


def _read_value(
    value: Any, read_row: Callable[[Any], RowInput | FatalRow], tokenizer: Tokenizer | None
) -> RowInput | FatalRow:
    row = value if isinstance(value, FatalRow) else read_row(value)
    if isinstance(row, tuple) and tokenizer and max(row, default=0) >= tokenizer.vocabulary_size:
        return FatalRow("its input_ids hold ids that the tokenizer doesn't have")
    return row


def read_texts(path: Path) -> tuple[list[str], list[str]]:
    """Return the text of each row of a file, empty if there is none, and the faults that stop AutoRound.

    Raises:
        QuantizerError: The file can't be read.
    """
    rows, faults = read_rows(path, _read_only_key_or_text, skip_blank=False)
    return [row if isinstance(row, str) else "" for row in rows], faults


def read_text_or_ids(value: Any) -> str | tuple[int, ...] | FatalRow:
    """Return the text of a row's value or, if it has none, its ids, whatever quantizer they are for."""
    ids = value.get("input_ids") if isinstance(value, dict) else value
    text = _read_only_key_or_text(value)
    if not isinstance(text, FatalRow) or not isinstance(ids, list):
        return text
    return text if any(isinstance(item, dict) for item in ids) else read_ids(ids)


def read_text_file(path: Path) -> str:
    """Return the text of a file.

    Raises:
        QuantizerError: It can't be read, or is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise QuantizerError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise QuantizerError(f"{path}: is not UTF-8 text") from error


def read_text(value: Any) -> str | FatalRow:
    """Return a value that is a string, or why it can't be read as text."""
    if not isinstance(value, str):
        return FatalRow("its text is not a string")
    # Quantizers put texts into Arrow tables, which can't hold one.
    return value if _is_encodable(value) else FatalRow("its text holds a lone surrogate")


def read_ids(value: Any) -> tuple[int, ...] | FatalRow:
    """Return a value that is a list of token ids, or why it can't be read as ids."""
    if not isinstance(value, list) or not all(type(token) is int and token >= 0 for token in value):
        return FatalRow("its input_ids are not a list of ids")
    return tuple(value)


def _read_only_key_or_text(row: Any) -> str | FatalRow:
    value = row
    if isinstance(row, dict):
        # One key of any name, else "text", else "input_ids", in AutoRound's order.
        values = row.values() if len(row) == 1 else (row[key] for key in ("text", "input_ids") if key in row)
        value = next(iter(values), None)
    if isinstance(value, str):
        return read_text(value)
    return FatalRow(
        "its text is not a string" if isinstance(row, dict) and value is not None else "has no text"
    )


def _is_encodable(text: str) -> bool:
    """Return whether a text can be written as UTF-8."""
    return replace_surrogates(text) == text


def _read_values(path: Path, *, skip_blank: bool) -> Iterator[Any]:
    """Yield the value of each row, or why there is none."""
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
        return
    try:
        # Universal newlines, as Python's open() has them. Bytes that are no UTF-8 become lone
        # surrogates, which valid UTF-8 never gives.
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise QuantizerError(f"{path}: can't be read: {error.strerror}") from error
    if path.suffix == ".json":
        rows = _parse_json_rows(text)
        _refuse_many(path, len(rows))
        yield from rows
        return
    _refuse_many(path, text.count("\n"))
    for line in text.removesuffix("\n").split("\n") if text else ():
        if line.strip():
            yield _parse_json(line)
        elif not skip_blank:
            yield FatalRow("blank line")


def _refuse_many(path: Path, rows: int) -> None:
    size = path.stat().st_size
    if rows > max(_MOST_ROWS, size // _BYTES_PER_ROW):
        raise QuantizerError(
            f"{path}: has {rows:,} rows in {size:,} bytes, which no calibration file has: more than "
            f"{_MOST_ROWS:,}, and more than one for each {_BYTES_PER_ROW} bytes"
        )


def _parse_json(text: str) -> Any:
    if not _is_encodable(text):
        return FatalRow("not valid UTF-8")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return FatalRow("not valid JSON")


def _parse_json_rows(text: str) -> list[Any]:
    rows = _parse_json(text)
    if isinstance(rows, dict):
        return list(rows.values())
    if isinstance(rows, FatalRow):
        return [rows]
    return rows if isinstance(rows, list) else [FatalRow("neither a list nor an object of rows")]


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with path.open("rb") as stream:
            footer = parquet.read_metadata(stream)
            names = footer.schema.to_arrow_schema().names
            _refuse_many(path, footer.num_rows)
            table = read_table(stream, [name for name in _COLUMNS_READ if name in names])
        rows = table.to_pylist() if table.num_columns else [{}] * footer.num_rows
    except TableTooLargeError as error:
        raise QuantizerError(f"{path}: {error}") from error
    # Python has no value for some times and dates.
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        raise QuantizerError(f"{path}: can't be read as parquet") from error
    others = dict.fromkeys(name for name in names if name not in _COLUMNS_READ)
    return [{**row, **others} for row in rows]
