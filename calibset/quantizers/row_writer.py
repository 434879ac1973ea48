"""Rows written as the kinds of files that quantizers take; the same rows give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """A row to be written for a quantizer.

    Attributes:
        text: The row's text, without white space at its end.
        ids: The ids that the model is shown: BOS and the text's ids, cut at ``seqlen``.
    """

    text: str
    ids: tuple[int, ...]


def write_json_lines(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object per line, in ASCII."""
    write_text(out, "".join(json.dumps(row) + "\n" for row in rows))


def write_json_list(out: Path, rows: Sequence[Any]) -> None:
    """Write a JSON list with one row per line, in ASCII."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    write_text(out, f"[\n{lines}\n]\n")


def write_text(out: Path, text: str) -> None:
    """Write a text as UTF-8, with its line ends unchanged."""
    _make_folder(out)
    with write_atomically(out) as stream:
        stream.write(text.encode("utf-8"))


def write_table(out: Path, columns: Mapping[str, Any]) -> None:
    """Write Arrow arrays as the columns of a parquet file.

    Raises:
        OutputError: The file can't be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    _make_folder(out)
    with write_atomically(out) as stream:
        parquet.write_table(pa.table(dict(columns)), stream, compression="zstd")


def write_ids_table(out: Path, rows: Sequence[Sequence[int]], *, mask: bool = False) -> None:
    """Write a parquet file with the column ``input_ids`` and, if ``mask``, an ``attention_mask`` of ones."""
    import pyarrow as pa

    columns = {"input_ids": pa.array(rows, pa.list_(pa.int32()))}
    if mask:
        columns["attention_mask"] = pa.array([[1] * len(row) for row in rows], pa.list_(pa.int8()))
    write_table(out, columns)


def _make_folder(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent}: can't be created: {error.strerror}") from error
