"""The rows of a calibration file, as values and as a quantizer takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibset.core.errors import QuantizerError
from calibset.core.text import scalar_text
from calibset.quantizers.base import RowInput
from calibset.tokenizers.base import Tokenizer

# The columns of a parquet file whose values are read; of others the name alone matters.
_READ = ("messages", "text", "input_ids")


@dataclass(frozen=True, slots=True)
class Fault:
    """What makes a quantizer stop at a row.

    Attributes:
        reason: A constant phrase.
    """

    reason: str


def file_rows(
    path: Path,
    take: Callable[[Any], RowInput | Fault],
    *,
    tokenizer: Tokenizer | None = None,
    skip_blank: bool = True,
) -> tuple[list[RowInput], list[str]]:
    """Return each row of a file as a quantizer takes it, and the faults that it stops at.

    Args:
        path: JSON Lines, a ``.json`` array, or a ``.parquet`` file.
        take: Says what the quantizer takes of a row's value.
        tokenizer: The quantizer's, for rows of ids.
        skip_blank: Whether blank lines are no rows to it; else it stops at them.

    Returns:
        The rows, an empty text where there is a fault; and the faults.

    Raises:
        ConsumerError: The file can't be read.
    """
    rows: list[RowInput] = []
    faults = []
    for number, value in enumerate(_values(path, skip_blank=skip_blank), 1):
        row = value if isinstance(value, Fault) else take(value)
        if isinstance(row, tuple) and tokenizer and max(row, default=0) >= tokenizer.vocabulary_size:
            row = Fault("its input_ids hold ids that the tokenizer hasn't")
        if isinstance(row, Fault):
            faults.append(f"row {number}: {row.reason}")
            row = ""
        rows.append(row)
    if not rows:
        faults.append("the file holds no row")
    return rows, faults


def text_alone(value: Any) -> str | Fault:
    """Return the text of a row, where a quantizer is given nothing else."""
    text = value.get("text") if isinstance(value, dict) else value
    return Fault("has no text") if text is None else text_in(text)


def text_in(value: Any) -> str | Fault:
    """Return a text, or say why it is none."""
    if not isinstance(value, str):
        return Fault("its text is no string")
    # Quantizers put texts into Arrow tables, which can't hold one.
    return value if is_encodable(value) else Fault("its text holds a lone surrogate")


def ids_in(value: Any) -> tuple[int, ...] | Fault:
    """Return token ids, or say why they are none."""
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        return Fault("its input_ids are no list of ids")
    return tuple(value)


def is_encodable(text: str) -> bool:
    """Return whether a text can be written as UTF-8."""
    return scalar_text(text) == text


def _values(path: Path, *, skip_blank: bool) -> Iterator[Any]:
    """Yield each row's value, or why there is none."""
    if path.suffix == ".parquet":
        yield from _parquet_values(path)
        return
    try:
        # Universal newlines, as Python's open() has them. Bytes that are no UTF-8 become lone
        # surrogates, which valid UTF-8 never gives.
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise QuantizerError(f"{path}: can't be read: {error.strerror}") from error
    if path.suffix == ".json":
        yield from _json_values(text)
        return
    for line in text.removesuffix("\n").split("\n") if text else ():
        if not line.strip():
            if not skip_blank:
                yield Fault("blank line")
            continue
        yield _value(line)


def _value(line: str) -> Any:
    if not is_encodable(line):
        return Fault("not valid UTF-8")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return Fault("not valid JSON")


def _json_values(text: str) -> list[Any]:
    rows = _value(text)
    if isinstance(rows, dict):
        rows = list(rows.values())
    if isinstance(rows, Fault):
        return [rows]
    return rows if isinstance(rows, list) else [Fault("neither a list nor an object of rows")]


def _parquet_values(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            table = file.read([name for name in _READ if name in names])
            count = file.metadata.num_rows
        rows = table.to_pylist() if table.num_columns else [{}] * count
    # Python has no value for some times and dates.
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        raise QuantizerError(f"{path}: can't be read as parquet") from error
    others = dict.fromkeys(name for name in names if name not in _READ)
    return [{**row, **others} for row in rows]


def file_texts(path: Path) -> tuple[list[str], list[str]]:
    """Return the text of each row of a file, empty where there is none, and why AutoRound can't load it.

    Raises:
        ConsumerError: The file can't be opened.
    """
    rows, faults = file_rows(path, _text, skip_blank=False)
    return [row if isinstance(row, str) else "" for row in rows], faults


def _text(row: Any) -> str | Fault:
    value = row
    if isinstance(row, dict):
        # One key of any name, else "text", else "input_ids", in AutoRound's order.
        values = (
            list(row.values()) if len(row) == 1 else [row[key] for key in ("text", "input_ids") if key in row]
        )
        value = values[0] if values else None
    if isinstance(value, str):
        return text_in(value)
    return Fault("its text is no string" if isinstance(row, dict) and value is not None else "has no text")
