"""FineWeb2: web pages of one language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Document, Filtered, Kind, Record
from calibset.core.fields import Names
from calibset.sources.formats.columns import make_record
from calibset.sources.parquet_source import ParquetSource


class FineWeb2(ParquetSource):
    """Pages of a FineWeb2 configuration, or of a repository that holds one language of it.

    The page's own identifier is the document's id.
    """

    summary: ClassVar[str] = "FineWeb2 web pages (HuggingFaceFW/fineweb-2 and its excerpts)"
    kind: ClassVar[Kind | None] = "texts"
    needed: ClassVar[tuple[str, ...]] = ("text", "id", "url", "language_score")

    type: Literal["fineweb2"] = "fineweb2"
    split: Names = Field(("train",), description="The splits to read.")
    min_language_score: float = Field(
        0.0,
        ge=0,
        le=1,
        strict=True,
        description="Pages are filtered if the corpus gives their language a lower score than this.",
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for a repository of one language, or for the configurations of FineWeb2."""
        if self.config:
            return tuple(f"data/{config}/{split}/*.parquet" for config in self.config for split in self.split)
        return tuple(f"data/{split}-*.parquet" for split in self.split)

    def choose_names(self, names: list[str]) -> list[str]:
        """Return the names: the patterns say already of which configuration and split they are."""
        return names

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the page as a document."""
        document = make_record(row, ("text",), str(row.get("id") or position), position)
        score = row.get("language_score")
        if isinstance(document, Document) and isinstance(score, float) and score < self.min_language_score:
            return Filtered(position=position, reason="language score too low")
        return document
