"""Wikipedia, as WikiExtractor writes it, as the hub has it, or as MediaWiki dumps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Any, ClassVar, Literal

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.errors import NotThereError
from calibset.core.seeding import shuffled
from calibset.core.text import replace_surrogates
from calibset.sources.formats.columns import EXCERPT_LENGTH
from calibset.sources.formats.mediawiki_dump import (
    DumpPage,
    Site,
    read_dump,
    read_index,
    read_site,
    read_stream,
)
from calibset.sources.formats.wikiextractor import Page, cleaned, read_json_pages, read_plain_pages
from calibset.sources.formats.wikitext import CANONICAL, TooDeeplyNestedError, strip_markup
from calibset.sources.parquet_source import ParquetSource
from calibset.sources.sampling.files import get_size
from calibset.sources.sampling.interleave import Part, interleave, shuffle_in_batches
from calibset.sources.sampling.line_blocks import StartRule, peek_first_character
from calibset.storage.files import File, Reader, read_first_character

_DUMPS = tuple(f"*pages-articles*.xml{packed}" for packed in ("", ".bz2", ".gz", ".xz", ".zst"))
_MULTISTREAM = "pages-articles-multistream.xml.bz2"
_INDEX = "pages-articles-multistream-index.txt.bz2"
_HIDDEN_NAMESPACES = ("-2", "6", "14")  # media, files, categories


@dataclass(frozen=True, slots=True, kw_only=True)
class _Multistream(File):
    """A dump of many bz2 streams, with the file that says where each begins."""

    index: File


class Wikipedia(ParquetSource):
    """Pages of WikiExtractor folders (plain or JSON, compressed or not), parquet files or dumps.

    What a WikiExtractor file holds is seen from its content. The page id is the document's id,
    the title its first line. A dump is read from its beginning, shuffled within a buffer of 1,000
    pages; a multistream dump with its index beside it is sampled more fairly.
    """

    summary: ClassVar[str] = "Wikipedia: WikiExtractor folders, wikimedia/wikipedia, or a dump"
    needed: ClassVar[tuple[str, ...]] = ("id", "url", "title", "text")

    type: Literal["wikipedia"] = "wikipedia"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for WikiExtractor's files, dumps and the configurations' parquet files."""
        folders = [f"{at}{escape(config)}/" for config in self.config for at in ("", "*/")]
        can_split = [f"{escape(split)}[-./]*.parquet" for split in self.split] or ["*.parquet"]
        if not folders:
            folders = ["", "*/"] if self.split else [""]
        parquet = [folder + split for folder in folders for split in can_split]
        return ("wiki_[0-9]*", "*/wiki_[0-9]*", *_DUMPS, *parquet)

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read; a multistream dump takes the place of the same dump without."""
        files = {file.name: file for file in super().select_files(reader)}
        dumps = [name for name in files if name.endswith(_MULTISTREAM)]
        for name in dumps:
            files.pop(name.removesuffix(_MULTISTREAM) + "pages-articles.xml.bz2", None)
            index = name.removesuffix(_MULTISTREAM) + _INDEX
            if found := files.pop(index, None) or _found(reader, index):
                dump = files[name]
                files[name] = _Multistream(
                    dump.name, dump.open_bytes, dump.size, dump.open_ranges, index=found
                )
        return tuple(files.values())

    def read(self, file: File) -> Iterator[Record]:
        """Yield one document a page; redirects and empty pages are filtered."""
        if file.name.endswith(".parquet"):
            yield from super().read(file)
            return
        if _is_dump(file):
            yield from (_dumped(page, file.name) for page in read_dump(file))
            return
        for page in read_json_pages(file) if read_first_character(file) == "{" else read_plain_pages(file):
            yield page if isinstance(page, Rejection) else _record(page, f"{file.name}#{page.id}")

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the page of a parquet row."""
        if row.get("id") in (None, ""):
            return Rejection(position=position, reason="page without an id")
        if "text" not in row:
            return Rejection(position=position, reason="no column 'text'")
        url, title, text = (_text(row.get(name)) for name in self.needed[1:])
        return _record(Page(id=str(row["id"]), url=url, title=title, text=text), position)

    def can_split(self, file: File) -> bool:
        """Return whether a file is of those that WikiExtractor writes."""
        return not file.name.endswith(".parquet") and not _is_dump(file)

    def start_rule(self, file: File) -> StartRule:
        """Return what tells a line of JSON, or one that opens a page."""
        if peek_first_character(file) == "{":
            return lambda _before, line: line.lstrip().startswith(b"{")
        return lambda _before, line: line.startswith(b"<doc ")

    def must_stream(self, file: File) -> bool:
        """Return whether a file is read from its beginning, as a dump is of which no index is there."""
        return not isinstance(file, _Multistream) and (_is_dump(file) or super().must_stream(file))

    def stream(self, file: File, seed: int) -> Iterator[Record]:
        """Yield the records of a file from its beginning, shuffled a thousand at a time."""
        return _shuffled(read_dump(file), file.name, seed) if _is_dump(file) else super().stream(file, seed)

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield a part that is all dumps with an index together, and those of other files."""
        if dumps := [file for file in files if isinstance(file, _Multistream)]:
            streams = (Part(max(1, get_size(dump)), _by_streams(dump, seed)) for dump in dumps)
            yield Part(max(1, sum(map(get_size, dumps))), interleave(streams, seed, "dumps"))
        yield from super().partition([file for file in files if not isinstance(file, _Multistream)], seed)


def _found(reader: Reader, name: str) -> File | None:
    """Return the file of this name, if the place can list what it holds."""
    try:
        listed = reader.files(f"*{escape(name)}")
    except NotThereError:
        return None
    return next((file for file in listed if file.name == name), None)


def _is_dump(file: File) -> bool:
    return file.stem.endswith(".xml") or ".xml-p" in file.stem  # one of several parts


def _by_streams(file: _Multistream, seed: int) -> Iterator[Record]:
    streams = read_index(file.index)
    with file.open_random_access() as dump:
        site = read_site(dump, file.name)
        parts = (
            Part(streams[at], _shuffled(read_stream(dump, file.name, at, site), file.name, seed, at))
            for at in shuffled(streams, seed, file.name)
        )
        yield from interleave(parts, seed, file.name)


def _shuffled(
    pages: Iterable[DumpPage | Rejection], name: str, seed: int, offset: int = 0
) -> Iterator[Record]:
    """Yield the records of the pages, shuffled a thousand at a time."""
    for page in shuffle_in_batches(pages, seed, name, offset, length=_length):
        yield _dumped(page, name)


def _length(page: DumpPage | Rejection) -> int:
    return len(page.wikitext) if isinstance(page, DumpPage) else 0


def _dumped(page: DumpPage | Rejection, name: str) -> Record:
    if isinstance(page, Rejection):
        return page
    if not page.id:
        return Rejection(position=name, reason="page without an id", excerpt=page.title[:EXCERPT_LENGTH])
    position = f"{name}#{page.id}"
    if reason := _left_out(page):
        return Filtered(position=position, reason=reason)
    try:
        text = strip_markup(page.wikitext, hidden=_hidden(page.site)) if not page.too_long else None
    except TooDeeplyNestedError:
        return Rejection(
            position=position, reason="wikitext too deeply nested", excerpt=page.wikitext[:EXCERPT_LENGTH]
        )
    if text is None:
        return Rejection(position=position, reason="page too long", excerpt=page.wikitext[:EXCERPT_LENGTH])
    url = f"{page.site.url}?curid={page.id}" if page.site.url else ""
    return _record(Page(id=page.id, url=url, title=page.title, text=text), position)


def _left_out(page: DumpPage) -> str | None:
    """Return why a page is no article."""
    if page.namespace != "0":
        return "namespace other than 0"
    if page.redirect:
        return "redirect"
    return None if page.model in ("", "wikitext") else "no wikitext"


def _hidden(site: Site) -> frozenset[str]:
    return CANONICAL.union(name.lower() for key, name in site.namespaces if key in _HIDDEN_NAMESPACES)


def _record(page: Page, position: str) -> Record:
    clean = cleaned(page)
    if not clean.text:
        return Filtered(position=position, reason="no text (a redirect or an empty page)")
    said = {"url": clean.url, "title": clean.title}
    return Document(
        id=clean.id, text=clean.text, metadata={name: value for name, value in said.items() if value}
    )


def _text(value: object) -> str:
    return replace_surrogates(value) if isinstance(value, str) else ""
