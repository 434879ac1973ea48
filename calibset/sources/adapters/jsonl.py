"""JSON Lines, and JSON arrays in ``.json`` files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Kind, Record, Rejection
from calibset.sources.base import KEPT_OF_GIVEN, Source
from calibset.sources.formats.column_names import (
    COLUMNS_HELP,
    Columns,
    list_outer_columns,
    tell_kind,
)
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.json_rows import (
    RowsPath,
    has_row_per_line,
    read_json_rows,
)
from calibset.sources.json_source import JsonSource
from calibset.storage.files import File
from calibset.storage.given_rows import GIVEN


class TableSource(Source):
    """Base class of the adapters of tables, whose columns are texts or the turns of dialogues."""

    columns: Columns = Field(("text",), description=COLUMNS_HELP)

    @property
    def gives(self) -> Kind:
        """Texts, or conversations if the columns are those of turns."""
        return tell_kind(self.columns)

    def for_given_rows(self) -> Jsonl:
        """Return the source of the same columns of rows in memory, which are read as JSON Lines are."""
        kept = {key: getattr(self, key) for key in self.model_fields_set & KEPT_OF_GIVEN}
        return Jsonl(type="jsonl", where=(GIVEN,), columns=self.columns, **kept)


class Jsonl(TableSource, JsonSource):
    """Objects of JSON Lines files or of a JSON array, as texts or as dialogues.

    What is inside a file decides, not its ending: objects on lines of their own, an array, objects of several
    lines, or one object whose rows are under `data`, `rows`, `records`, `examples` or the like; `rows_at`
    names any other key.
    """

    summary: ClassVar[str] = "JSON Lines, or a JSON array"

    type: Literal["jsonl"] = "jsonl"
    rows_at: RowsPath = None

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.jsonl``, ``.ndjson`` and ``.json`` files, compressed or not."""
        return self.patterns_for("jsonl", "ndjson", "json")

    def can_split(self, file: File) -> bool:
        """Return whether a file has one row per line."""
        return self.rows_at is None and has_row_per_line(file)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one record per object, with the id ``FILE#ROW``."""
        known = list_outer_columns(self.columns)
        for number, position, row in read_json_rows(file, known, rows_at=self.rows_at):
            if isinstance(row, Rejection):
                yield row
            else:
                yield make_record(row, self.columns, f"{file.name}#{number}", position)
