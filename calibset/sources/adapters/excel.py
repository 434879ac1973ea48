"""Spreadsheets of Excel and of whatever else writes ``.xlsx``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Record, Rejection
from calibset.sources.adapters.jsonl import TableSource
from calibset.sources.formats.column_names import list_columns
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.csv_rows import require_columns
from calibset.sources.formats.workbook import describe_other_sheets, read_table
from calibset.storage.files import File


class Excel(TableSource):
    """Rows of a workbook's sheet, as texts or as dialogues; its first row that isn't blank names the columns.

    Numbers and dates are read as text, and a formula as the value that was saved with it.
    """

    summary: ClassVar[str] = "Excel workbooks (.xlsx) with a header row"

    type: Literal["excel"] = "excel"
    sheet: str | None = Field(None, min_length=1, description="The sheet to read; the first one if unset.")

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for workbooks."""
        return self.patterns_for("xlsx", "xlsm")

    def note_unread(self, files: Sequence[File]) -> str | None:
        """Return a note on the sheets that are not read."""
        return describe_other_sheets(files, self.sheet, "name the one that is wanted with sheet = …")

    def read(self, file: File) -> Iterator[Record]:
        """Yield one record per row, with the id ``FILE#ROW``, rows counted from 0 without blank ones."""
        header, rows = read_table(file, self.sheet)
        require_columns(file, list_columns(self.columns), header, "the right sheet")
        for number, row in enumerate(rows):
            position = f"{file.name}#{number}"
            yield row if isinstance(row, Rejection) else make_record(row, self.columns, position, position)
