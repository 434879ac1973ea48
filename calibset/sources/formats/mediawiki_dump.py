"""The XML that MediaWiki exports: the pages of a ``pages-articles`` dump, as a stream.

The elements are read as they come, so memory holds a page, not a dump. A multistream dump consists of
many bz2 streams of 100 pages, one after the other; its index says where each of them begins. Without
the index, a dump can only be read from its beginning; with it, from any of its streams.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import chain
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.storage.compression import open_decompressed
from calibset.storage.files import File
from calibset.storage.text_lines import read_lines

LONGEST = 20 * 2**20
"""The most bytes of wikitext of a page."""

MOST_STREAMS = 2**21
"""The most streams that the index of a dump may name; the largest wiki's has an eighth as many."""

_CHUNK = 2**16
_LONGEST_TAG = 2**20
_DEEPEST = 20
_MOST_NAMES = 1_000
_LONGEST_KEY = 16
_XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# What the name of a Wikipedia's database ends in.
_DATABASE = re.compile(r"([a-z_]+?)(?:wiki|wikipedia)")
_LONGEST_NAME = 2**14
_SITE = "mediawiki/siteinfo"
_PAGE = "mediawiki/page"
_WIKITEXT = f"{_PAGE}/revision/text"
_FIELDS = frozenset(
    {f"{_SITE}/base", f"{_SITE}/dbname", f"{_SITE}/namespaces/namespace", f"{_PAGE}/title", f"{_PAGE}/ns"}
    | {f"{_PAGE}/id", f"{_PAGE}/revision/model", _WIKITEXT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The wiki of a dump.

    Attributes:
        url: The URL of its pages, without the last slash; empty if unknown.
        namespaces: Pairs of a namespace's number and its local name.
        language: The code of its language, such as ``sr``; empty if unknown.
    """

    url: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpPage:
    """A page of a dump.

    Attributes:
        id: The page's number in the wiki; may be empty.
        title: The title with the namespace's name.
        namespace: The number of its namespace, 0 for articles.
        redirect: Whether the page only redirects to another.
        model: The format of the text, `wikitext` for articles; empty in older dumps.
        wikitext: The source of its latest revision, or only the beginning if it is too long.
        too_long: Whether the source is over 20 MiB.
        site: The wiki.
    """

    id: str
    title: str
    namespace: str
    redirect: bool
    model: str
    wikitext: str
    too_long: bool
    site: Site


def read_dump(file: File) -> Iterator[DumpPage | Rejection]:
    """Yield the pages of a dump from its beginning.

    A dump that is damaged or ends too early yields its complete pages, then a rejection.
    """
    with open_decompressed(file) as stream:
        yield from _parse_pages(_read_chunks(stream), file.name, _ExportBuilder())


def read_index(index: File) -> Mapping[int, int]:
    """Return the number of pages of each stream of a multistream dump, by its offset in bytes."""
    sizes: Counter[int] = Counter()
    for line in read_lines(index):
        head = line.partition(":")[0] if isinstance(line, str) else ""
        if len(head) < 16 and head.isascii() and head.isdigit():
            sizes[int(head)] += 1
            if len(sizes) > MOST_STREAMS:
                raise SourceError(
                    f"{index.name}: names more than {MOST_STREAMS:,} streams; "
                    "fetch the dump and its index again"
                )
    return sizes


def read_site(dump: BinaryIO, name: str) -> Site:
    """Return the wiki that the first stream of a multistream dump describes."""
    export = _ExportBuilder()
    next(_parse_pages(_unpack_chunks(dump, 0), name, export), None)
    return export.site


def read_stream(dump: BinaryIO, name: str, offset: int, site: Site) -> Iterator[DumpPage | Rejection]:
    """Yield the pages of the stream that begins at an offset, as `read_dump` does."""
    chunks = chain((b"<mediawiki>",), _unpack_chunks(dump, offset), (b"</mediawiki>",))
    yield from _parse_pages(chunks, f"{name}@{offset}", _ExportBuilder(site))


@dataclass(slots=True)
class _ExportBuilder:
    """Builds pages from what the XML parser calls: the start, text and end of elements.

    Attributes:
        site: The wiki, once the head of the dump is read.
        pages: Complete pages that have not been taken yet.
        is_complete: Whether the last element is closed.
        silent_bytes: Bytes read since the parser last called.
    """

    site: Site = Site()
    pages: list[DumpPage] = field(default_factory=list)
    is_complete: bool = False
    silent_bytes: int = 0
    _path: list[str] = field(default_factory=list)
    _fields: dict[str, str] = field(default_factory=dict)
    _names: list[tuple[str, str]] = field(default_factory=list)
    _key: str = ""
    _text: StringIO | None = None
    _size: int = 0
    _longest: int = LONGEST
    _too_long: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.silent_bytes = 0
        self._path.append(tag.rpartition("}")[2])
        if len(self._path) > _DEEPEST or self._path[0] != "mediawiki":
            raise _NoExportError
        path = "/".join(self._path)
        if path == "mediawiki" and (language := attributes.get(_XML_LANGUAGE)):
            self.site = replace(self.site, language=language[:_LONGEST_KEY].lower())
        if path == _PAGE:
            self._fields, self._too_long = {}, False
        elif path == f"{_PAGE}/redirect":
            self._fields[path] = "yes"
        elif path in _FIELDS:
            self._text, self._size, self._key = StringIO(), 0, attributes.get("key", "")[:_LONGEST_KEY]
            self._longest = LONGEST if path == _WIKITEXT else _LONGEST_NAME

    def data(self, text: str) -> None:
        self.silent_bytes = 0
        if self._text is None or self._size > self._longest:
            return
        self._text.write(text)
        self._size += len(text.encode("utf-8", "replace"))

    def end(self, _: str) -> None:
        path = "/".join(self._path)
        self._path.pop()
        if self._text is not None and path in _FIELDS:
            self._too_long |= self._size > self._longest
            self._keep(path, self._text.getvalue())
            self._text = None
        elif path == _PAGE:
            self.pages.append(self._build_page())
        elif path == _SITE:
            base = self._fields.get(f"{_SITE}/base", "")
            database = _DATABASE.fullmatch(self._fields.get(f"{_SITE}/dbname", "").strip())
            language = self.site.language or (database[1].replace("_", "-") if database else "")
            self.site = Site(url=base.rpartition("/")[0], namespaces=tuple(self._names), language=language)
        self.is_complete = not self._path

    def close(self) -> None:
        """Do nothing: the parser expects to find it."""

    def take_pages(self) -> list[DumpPage]:
        pages, self.pages = self.pages, []
        return pages

    def _keep(self, path: str, text: str) -> None:
        if path.endswith("/namespace"):
            if len(self._names) < _MOST_NAMES:
                self._names.append((self._key, text))
        else:
            self._fields[path] = text

    def _build_page(self) -> DumpPage:
        texts = {name: self._fields.get(f"{_PAGE}/{name}", "").strip() for name in ("id", "title", "ns")}
        return DumpPage(
            id=texts["id"],
            title=texts["title"],
            namespace=texts["ns"] or "0",
            redirect=f"{_PAGE}/redirect" in self._fields,
            model=self._fields.get(f"{_PAGE}/revision/model", ""),
            wikitext=self._fields.get(f"{_PAGE}/revision/text", ""),
            too_long=self._too_long,
            site=self.site,
        )


class _NoExportError(ValueError):
    """The XML is none of MediaWiki's."""


def _parse_pages(
    chunks: Iterator[bytes], position: str, export: _ExportBuilder
) -> Iterator[DumpPage | Rejection]:
    from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

    parser: Any = DefusedXMLParser(target=export, encoding="utf-8", forbid_dtd=True)
    reading = True
    # A tag or comment that never ends gives no event, while the parser keeps all of it.
    while reading and export.silent_bytes <= _LONGEST_TAG:
        export.silent_bytes += _CHUNK
        reading = _feed(parser, chunks, position)
        yield from export.take_pages()
    if not export.is_complete:
        yield Rejection(position=position, reason="dump cut off")


def _feed(parser: Any, chunks: Iterator[bytes], position: str) -> bool:
    """Feed one more chunk to the parser and return whether there may be another."""
    import zstandard
    from defusedxml import DefusedXmlException  # type: ignore[import-untyped]

    try:
        chunk = next(chunks, None)
        if chunk is None:
            parser.close()
        else:
            parser.feed(chunk)
    except (DefusedXmlException, _NoExportError) as error:
        is_foreign = isinstance(error, _NoExportError)
        reason = "no MediaWiki export" if is_foreign else "it declares a document type"
        raise SourceError(
            f"{position}: {reason}, so it is not read; name a pages-articles dump of dumps.wikimedia.org"
        ) from error
    except (ParseError, EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the dump's
        return False
    return chunk is not None


def _read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    # `read` would lose what it has when the next bytes are damaged.
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK):
        yield chunk


def _unpack_chunks(dump: BinaryIO, offset: int) -> Iterator[bytes]:
    """Yield the content of one bz2 stream; several may be read from one file in turn."""
    stream = bz2.BZ2Decompressor()
    while not stream.eof:
        packed = b""
        if stream.needs_input:
            dump.seek(offset)
            packed = dump.read(_CHUNK)
            offset += len(packed)
            if not packed:
                raise EOFError("it ends inside a stream")
        yield stream.decompress(packed, _CHUNK)
