"""Parquet files, read by row groups so that reading a part of a large file costs only that part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from calibset.core.documents import Record
from calibset.sources.adapters.jsonl import TableSource
from calibset.sources.formats.column_names import list_outer_columns
from calibset.sources.formats.columns import make_record
from calibset.sources.parquet_source import ParquetSource


class Parquet(TableSource, ParquetSource):
    """Rows of parquet files, and of Arrow files, as texts or as dialogues.

    A large Arrow file is read from its beginning; parquet files are sampled more fairly.
    """

    summary: ClassVar[str] = "parquet files with text columns"

    type: Literal["parquet"] = "parquet"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for parquet files, of the named configuration and split if any are named."""
        return self.patterns_for("parquet", "arrow", "feather", compressed=False)

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns that hold the text, or the objects in which it is."""
        return list_outer_columns(self.columns)

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the row's text or dialogue."""
        return make_record(row, self.columns, position, position)
