"""Wikipedia, as WikiExtractor writes it or as the hub has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from glob import escape
from typing import Any, ClassVar, Literal

from calibset.document import Document, Record, Rejection, SetAside
from calibset.sources.columns import well_formed
from calibset.sources.parquet import RowGroups
from calibset.sources.wikiextractor import Page, cleaned, json_pages, plain_pages
from calibset.storage.files import File, text_lines

__all__ = ["Wikipedia"]


class Wikipedia(RowGroups):
    """Pages of WikiExtractor folders (plain or JSON, compressed or not) or of parquet files.

    What a file holds is seen from its content. The page id is the document's id, the title
    its first line.
    """

    summary: ClassVar[str] = "Wikipedia: WikiExtractor folders, or wikimedia/wikipedia"
    needed: ClassVar[tuple[str, ...]] = ("id", "url", "title", "text")

    type: Literal["wikipedia"] = "wikipedia"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for WikiExtractor's files and for the configurations' parquet files."""
        folders = [f"{at}{escape(config)}/" for config in self.config for at in ("", "*/")]
        splits = [f"{escape(split)}[-./]*.parquet" for split in self.split] or ["*.parquet"]
        if not folders:
            folders = ["", "*/"] if self.split else [""]
        parquet = [folder + split for folder in folders for split in splits]
        return ("wiki_[0-9]*", "*/wiki_[0-9]*", *parquet)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one document a page; redirects and empty pages are set aside."""
        if file.name.endswith(".parquet"):
            yield from super().read(file)
            return
        head = next((line.lstrip() for line in text_lines(file) if line.strip()), "")
        for page in json_pages(file) if head.startswith("{") else plain_pages(file):
            yield page if isinstance(page, Rejection) else _record(page, f"{file.name}#{page.id}")

    def record(self, row: Mapping[str, Any], place: str) -> Record:
        """Return the page of a parquet row."""
        if row.get("id") in (None, ""):
            return Rejection(place=place, reason="page without an id")
        if "text" not in row:
            return Rejection(place=place, reason="no column 'text'")
        url, title, text = (_text(row.get(name)) for name in self.needed[1:])
        return _record(Page(id=str(row["id"]), url=url, title=title, text=text), place)


def _record(page: Page, place: str) -> Record:
    clean = cleaned(page)
    if not clean.text:
        return SetAside(place=place, reason="no text (a redirect or an empty page)")
    said = {"url": clean.url, "title": clean.title}
    return Document(
        id=clean.id, text=clean.text, metadata={name: value for name, value in said.items() if value}
    )


def _text(value: object) -> str:
    return well_formed(value) if isinstance(value, str) else ""
