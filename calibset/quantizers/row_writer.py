"""Rows as files of the kinds that quantizers take; the same bytes for the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calibset.core.atomic_write import replaced
from calibset.core.errors import OutputError


def write_json_lines(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write an object a line, in ASCII.

    Raises:
        OutputError: The file can't be written.
    """
    _write(out, "".join(json.dumps(row) + "\n" for row in rows).encode("ascii"))


def write_json_list(out: Path, rows: Sequence[Any]) -> None:
    """Write one list, a row a line.

    Raises:
        OutputError: The file can't be written.
    """
    lines = ",\n".join(json.dumps(row) for row in rows)
    _write(out, f"[\n{lines}\n]\n".encode("ascii"))


def write_text(out: Path, text: str) -> None:
    """Write a text as UTF-8, lines ended as they are.

    Raises:
        OutputError: The file can't be written.
    """
    _write(out, text.encode("utf-8"))


def write_table(out: Path, columns: Mapping[str, Any]) -> None:
    """Write Arrow arrays as the columns of a parquet file.

    Raises:
        OutputError: The file can't be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    _make_folder(out)
    with replaced(out) as stream:
        parquet.write_table(pa.table(dict(columns)), stream, compression="zstd")


def write_ids_table(out: Path, rows: Sequence[Sequence[int]], *, mask: bool = False) -> None:
    """Write a parquet file with the column ``input_ids``, and an ``attention_mask`` of ones if asked.

    Raises:
        OutputError: The file can't be written.
    """
    import pyarrow as pa

    columns = {"input_ids": pa.array(rows, pa.list_(pa.int32()))}
    if mask:
        columns["attention_mask"] = pa.array([[1] * len(row) for row in rows], pa.list_(pa.int8()))
    write_table(out, columns)


def _write(out: Path, content: bytes) -> None:
    _make_folder(out)
    with replaced(out) as stream:
        stream.write(content)


def _make_folder(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent}: can't be made: {error.strerror}") from error
