"""Comma-separated files, read strictly: a broken row is rejected, not guessed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Record, Rejection
from calibset.core.fields import Names
from calibset.sources.base import Source
from calibset.sources.formats.columns import make_document
from calibset.sources.formats.csv_rows import read_csv
from calibset.storage.files import File


class Csv(Source):
    """Rows of CSV files; the columns that hold text are joined by a blank line."""

    summary: ClassVar[str] = "CSV files with a header row"

    type: Literal["csv"] = "csv"
    columns: Names = Field(("text",), min_length=1, description="The columns that hold the text, in order.")
    delimiter: str = Field(
        ",", pattern=r'^[^"\r\n]$', description="What separates the fields: one character."
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.csv`` files, compressed or not."""
        return self.patterns_for("csv")

    def read(self, file: File) -> Iterator[Record]:
        """Yield one document per row, with the id ``FILE#ROW``."""
        for row in read_csv(file, required=self.columns, delimiter=self.delimiter):
            if isinstance(row, Rejection):
                yield row
                continue
            yield make_document(
                row.columns, self.columns, f"{file.name}#{row.number}", f"{file.name}:{row.line}"
            )
