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
    TurnColumns,
    list_outer_columns,
    tell_kind,
)
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.json_rows import (
    RowsPath,
    has_row_per_line,
    read_json_rows,
    require_row_per_line,
)
from calibset.sources.sampling.line_blocks import StartRule
from calibset.sources.text_source import TextSource
from calibset.storage.files import File
from calibset.storage.given_rows import GIVEN


class Jsonl(TextSource):
    """Objects of JSON Lines files or of a JSON array, as texts or as dialogues.

    What is inside a file decides, not its ending: objects on lines of their own, an array, objects of several
    lines, or one object whose rows are under `data`, `rows`, `records`, `examples` or the like; `rows_at`
    names any other key.
    """

    summary: ClassVar[str] = "JSON Lines, or a JSON array"

    type: Literal["jsonl"] = "jsonl"
    columns: Columns = Field(("text",), description=COLUMNS_HELP)
    rows_at: RowsPath = None

    @property
    def gives(self) -> Kind:
        """Texts, or conversations if the columns are those of turns."""
        return tell_kind(self.columns)

    def for_given_rows(self) -> Jsonl:
        """Return the source of the same columns of rows in memory."""
        return read_given(self, self.columns)

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.jsonl``, ``.ndjson`` and ``.json`` files, compressed or not."""
        return self.patterns_for("jsonl", "ndjson", "json")

    def can_split(self, file: File) -> bool:
        """Return whether a file has one row per line."""
        return self.rows_at is None and has_row_per_line(file)

    def start_rule(self, file: File) -> StartRule:
        """Return the rule that a row starts on every line; raise if the file has no row per line."""
        require_row_per_line(file)
        return super().start_rule(file)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one record per object, with the id ``FILE#ROW``."""
        known = list_outer_columns(self.columns)
        for number, position, row in read_json_rows(file, known, rows_at=self.rows_at):
            if isinstance(row, Rejection):
                yield row
            else:
                yield make_record(row, self.columns, f"{file.name}#{number}", position)


def read_given(source: Source, columns: tuple[str, ...] | TurnColumns) -> Jsonl:
    """Return the source that reads the columns of rows which a program gives, with the keys of any source."""
    kept = {key: getattr(source, key) for key in source.model_fields_set & KEPT_OF_GIVEN}
    return Jsonl(type="jsonl", where=(GIVEN,), columns=columns, **kept)
