"""Wikipedia, from WikiExtractor's output, from the hub, or from MediaWiki's dumps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import escape
from typing import Any, ClassVar, Literal

from calibset.core.documents import Document, Filtered, Kind, Record, Rejection
from calibset.core.text import replace_surrogates
from calibset.sources.formats.dump_articles import read_article
from calibset.sources.formats.mediawiki_dump import DumpPage, read_dump
from calibset.sources.formats.multistream_dump import (
    MultistreamDump,
    pair_with_indexes,
    sample_pages,
    shuffle_pages,
)
from calibset.sources.formats.wikiextractor import Page, clean_page, read_json_pages, read_plain_pages
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.sources.sampling.files import get_size
from calibset.sources.sampling.interleave import Part, interleave
from calibset.sources.sampling.line_blocks import StartRule, peek_first_character
from calibset.storage.file_names import COMPRESSED_SUFFIXES
from calibset.storage.files import File, Reader
from calibset.storage.text_lines import read_first_character


class Wikipedia(ParquetSource):
    """Pages of WikiExtractor folders (plain or JSON, compressed or not), parquet files or dumps.

    The form of a WikiExtractor file is recognised from its content. The page id is the document's id,
    the title its first line. A dump is read from its beginning, shuffled within a buffer of 1,000
    pages; a multistream dump with its index beside it is sampled more fairly.
    """

    summary: ClassVar[str] = "Wikipedia: WikiExtractor folders, wikimedia/wikipedia, or a dump"
    kind: ClassVar[Kind | None] = "texts"
    needed: ClassVar[tuple[str, ...]] = ("id", "url", "title", "text")

    type: Literal["wikipedia"] = "wikipedia"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for WikiExtractor's files, dumps and the configurations' parquet files."""
        dumps = [f"*pages-articles*.xml{suffix}" for suffix in ("", *COMPRESSED_SUFFIXES)]
        folders = [f"{parent}{escape(config)}/" for config in self.config for parent in ("", "*/")]
        splits = [f"{escape(split)}[-./]*.parquet" for split in self.split] or ["*.parquet"]
        if not folders:
            folders = ["", "*/"] if self.split else [""]
        parquet = [folder + split for folder in folders for split in splits]
        return ("wiki_[0-9]*", "*/wiki_[0-9]*", *dumps, *parquet)

    def choose_names(self, names: list[str]) -> list[str]:
        """Return the names: the patterns say already of which configuration and split they are."""
        return names

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read; a multistream dump replaces the same dump in one stream."""
        return pair_with_indexes(super().select_files(reader), reader)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one document per page; redirects and empty pages are filtered."""
        if is_parquet(file):
            return super().read(file)
        if _is_dump(file):
            return _make_records(read_dump(file), file.name)
        read_pages = read_json_pages if read_first_character(file) == "{" else read_plain_pages
        return _make_records(read_pages(file), file.name)

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the page of a parquet row as a document."""
        if row.get("id") in (None, ""):
            return Rejection(position=position, reason="page without an id")
        if "text" not in row:
            return Rejection(position=position, reason="no column 'text'")
        url, title, text = (
            replace_surrogates(value) if isinstance(value := row.get(name), str) else ""
            for name in ("url", "title", "text")
        )
        return _make_document(Page(id=str(row["id"]), url=url, title=title, text=text), position)

    def can_split(self, file: File) -> bool:
        """Return whether WikiExtractor wrote a file."""
        return not is_parquet(file) and not _is_dump(file)

    def start_rule(self, file: File) -> StartRule:
        """Return the rule that a page starts on a line of JSON, or on a line that opens an element."""
        if peek_first_character(file) == "{":
            return lambda _before, line: line.lstrip().startswith(b"{")
        return lambda _before, line: line.startswith(b"<doc ")

    def must_stream(self, file: File) -> bool:
        """Return whether a file is read from its beginning, as a dump without an index is."""
        return not isinstance(file, MultistreamDump) and (_is_dump(file) or super().must_stream(file))

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the records of a file from its beginning, shuffled a thousand at a time."""
        if _is_dump(file):
            return _make_records(shuffle_pages(read_dump(file), seed, file.name), file.name)
        return super().stream(file, seed)

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield one part for all dumps with an index together, and the parts of other files."""
        dumps = [file for file in files if isinstance(file, MultistreamDump)]
        if dumps:
            parts = (
                Part(
                    max(1, get_size(dump)),
                    _make_records(sample_pages(dump, seed, self._first_parts), dump.name),
                )
                for dump in dumps
            )
            yield Part(max(1, sum(map(get_size, dumps))), interleave(parts, seed, "dumps"))
        yield from super().partition([file for file in files if not isinstance(file, MultistreamDump)], seed)


def _is_dump(file: File) -> bool:
    return file.stem.endswith(".xml") or ".xml-p" in file.stem  # one of several parts


def _make_records(pages: Iterable[DumpPage | Page | Rejection], file_name: str) -> Iterator[Record]:
    for page in pages:
        article = read_article(page, file_name) if isinstance(page, DumpPage) else page
        yield _make_document(article, f"{file_name}#{article.id}") if isinstance(article, Page) else article


def _make_document(page: Page, position: str) -> Record:
    page = clean_page(page)
    if not page.text:
        return Filtered(position=position, reason="no text (a redirect or an empty page)")
    metadata = {name: value for name, value in (("url", page.url), ("title", page.title)) if value}
    return Document(id=page.id, text=page.text, metadata=metadata)
