"""Comma-separated files, read strictly: a broken row is rejected, not guessed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from calibset.core.documents import Record, Rejection
from calibset.sources.adapters.jsonl import TableSource
from calibset.sources.formats.column_names import list_columns
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.csv_rows import Dialect, read_csv
from calibset.sources.text_source import TextSource
from calibset.storage.files import File


class Csv(TableSource, TextSource):
    """Rows of CSV files, as texts or as dialogues."""

    summary: ClassVar[str] = "CSV files with a header row"

    type: Literal["csv"] = "csv"
    delimiter: str = Field(
        ",",
        pattern=r'^[^"\r\n]$',
        description="What separates the fields: one character. A first line such as sep=; names it too.",
    )
    quote: str = Field(
        '"',
        pattern=r"^[^\r\n]?$",
        description="What encloses a field that holds a delimiter, line end or quote; nothing if empty.",
    )
    escape: str = Field(
        "",
        pattern=r'^[^"\r\n]?$',
        description="What stands before a quote inside a field, if quotes aren't doubled: a backslash in "
        "what Spark, Hive and MySQL write.",
    )

    @model_validator(mode="after")
    def _check_characters(self) -> Self:
        characters = [character for character in (self.delimiter, self.quote, self.escape) if character]
        if len(set(characters)) < len(characters):
            raise PydanticCustomError("dialect", "delimiter, quote and escape must be different characters")
        return self

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.csv`` files, compressed or not."""
        return self.patterns_for("csv")

    def read(self, file: File) -> Iterator[Record]:
        """Yield one record per row, with the id ``FILE#ROW``."""
        dialect = Dialect(delimiter=self.delimiter, quote=self.quote, escape=self.escape)
        for row in read_csv(file, required=list_columns(self.columns), dialect=dialect):
            if isinstance(row, Rejection):
                yield row
                continue
            yield make_record(
                row.columns, self.columns, f"{file.name}#{row.number}", f"{file.name}:{row.line}"
            )
