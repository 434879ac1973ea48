"""Rows that somebody made for a quantizer: texts or token ids, under whatever key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Document, Filtered, Kind, Record, Rejection
from calibset.core.text import replace_surrogates
from calibset.sources.formats.columns import EMPTY_TEXT, describe_value
from calibset.sources.formats.json_rows import has_row_per_line, read_json_rows
from calibset.sources.json_source import JsonSource
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.storage.files import File

_COLUMNS = ("text", "input_ids")
_MASK = "attention_mask"


class Rows(JsonSource, ParquetSource):
    """Rows that another script made for a quantizer, as texts.

    They are read from JSON Lines, JSON arrays or parquet files. A row is a text or a list of ids, or an
    object that holds one: under its only key, else under `text`, else under `input_ids`. Ids are decoded by
    the target's tokenizer, which must be the one that made them; padding is left out, by `attention_mask` if
    there is one.
    """

    summary: ClassVar[str] = "rows made for a quantizer: texts or input_ids, JSON or parquet"
    kind: ClassVar[Kind | None] = "texts"

    type: Literal["rows"] = "rows"
    column: str | None = Field(
        None, description="The key of the text or the ids, if it isn't the only one, `text` or `input_ids`."
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for JSON files, compressed or not, and for parquet files."""
        return (
            *self.patterns_for("jsonl", "ndjson", "json"),
            *self.patterns_for("parquet", compressed=False),
        )

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns of texts, ids and padding."""
        return (*((self.column,) if self.column else _COLUMNS), _MASK)

    def can_split(self, file: File) -> bool:
        """Return whether a file has one row per line."""
        return not is_parquet(file) and has_row_per_line(file)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one document per row, with the id ``FILE#ROW``."""
        if is_parquet(file):
            yield from super().read(file)
            return
        for number, position, row in read_json_rows(file, (self.column,) if self.column else _COLUMNS):
            if isinstance(row, Rejection):
                yield row
            else:
                yield self._read_row(row, f"{file.name}#{number}", position)

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the row's text or ids."""
        return self._read_row(row, position, position)

    def _read_row(self, row: Any, record_id: str, position: str) -> Record:
        value, mask = row, None
        if isinstance(row, Mapping):
            column, mask = self._find_column(row), row.get(_MASK)
            if column is None:
                reason = f"no column {self.column!r}" if self.column else "no text and no input_ids"
                return Rejection(position=position, reason=reason, excerpt=describe_value(row))
            value = row[column]
        if value is None or (isinstance(value, str) and not value.strip()):
            return Filtered(position=position, reason=EMPTY_TEXT)
        if isinstance(value, str):
            return Document(id=record_id, text=replace_surrogates(value))
        ids = _read_ids(value, mask)
        if ids is None:
            reason = "neither a text nor a list of ids"
            return Rejection(position=position, reason=reason, excerpt=describe_value(value))
        if not ids:
            return Filtered(position=position, reason=EMPTY_TEXT)
        return Document(id=record_id, text="", token_ids=ids)

    def _find_column(self, row: Mapping[str, Any]) -> str | None:
        """Return the key of a row's text or ids, in the order in which quantizers look for it."""
        if self.column is not None:
            return self.column if self.column in row else None
        if len(row) == 1:
            return next(iter(row))
        return next((column for column in _COLUMNS if column in row), None)


def _read_ids(value: Any, mask: Any) -> tuple[int, ...] | None:
    """Return ids without those that the mask hides; a batch of one row counts as that row."""
    ids, hidden = _unwrap(value), _unwrap(mask)
    if not isinstance(ids, list) or not all(type(token) is int for token in ids):
        return None
    if isinstance(hidden, list) and len(hidden) == len(ids):
        return tuple(token for token, seen in zip(ids, hidden, strict=True) if seen)
    return tuple(ids)


def _unwrap(value: Any) -> Any:
    is_batch = isinstance(value, list) and len(value) == 1 and isinstance(value[0], list)
    return value[0] if is_batch else value
