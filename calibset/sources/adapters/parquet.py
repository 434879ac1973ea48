"""Parquet files, read by row groups so that reading a part of a large file costs only that part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Record
from calibset.core.fields import Names
from calibset.sources.formats.columns import make_document
from calibset.sources.parquet_source import ParquetSource


class Parquet(ParquetSource):
    """The text columns of any parquet files."""

    summary: ClassVar[str] = "parquet files with text columns"

    type: Literal["parquet"] = "parquet"
    columns: Names = Field(("text",), min_length=1, description="The columns that hold the text, in order.")

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for parquet files, of the named configuration and split if any are named."""
        return self.patterns_for("parquet", compressed=False)

    def needed_columns(self) -> tuple[str, ...]:
        """Return the text columns."""
        return self.columns

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the row's text as a document."""
        return make_document(row, self.columns, position, position)
