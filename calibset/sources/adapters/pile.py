"""The Pile, or a part of it such as pile-10k."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from calibset.core.documents import Document, Kind, Record, Rejection
from calibset.sources.formats.columns import make_record
from calibset.sources.formats.json_rows import read_json_rows
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.storage.files import File


class Pile(ParquetSource):
    """Texts of the Pile, from parquet files or from shards of JSON Lines (``.zst`` or not)."""

    summary: ClassVar[str] = "the Pile and excerpts of it (NeelNanda/pile-10k, *.jsonl.zst shards)"
    kind: ClassVar[Kind | None] = "texts"
    needed: ClassVar[tuple[str, ...]] = ("text", "meta")

    type: Literal["pile"] = "pile"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for parquet files and for shards."""
        return ("*.parquet", "*.jsonl", "*.jsonl.zst", "*.jsonl.gz")

    def can_split(self, file: File) -> bool:
        """Return whether a file is a shard of JSON Lines."""
        return not is_parquet(file)

    def read(self, file: File) -> Iterator[Record]:
        """Yield the texts of one file, in the file's order."""
        if is_parquet(file):
            yield from super().read(file)
            return
        for _, position, row in read_json_rows(file, ("text",)):
            yield row if isinstance(row, Rejection) else self.parse_row(row, position)

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the row's text as a document, with the name of the subset it comes from."""
        document = make_record(row, ("text",), position, position)
        meta = row.get("meta") if isinstance(row, Mapping) else None
        if not isinstance(document, Document) or not isinstance(meta, Mapping):
            return document
        return replace(document, metadata={"subset": str(meta.get("pile_set_name", ""))})
