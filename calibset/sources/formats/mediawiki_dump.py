"""The XML that MediaWiki exports: the pages of a ``pages-articles`` dump, as a stream.

The elements are read as they come, so memory holds a page, not a dump. A multistream dump is
many bz2 streams of 100 pages one behind the other; its index says where each of them begins.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.storage.files import File, open_decompressed, read_lines

LONGEST = 20 * 2**20
"""Bytes of wikitext that a page may have."""

MOST_STREAMS = 2**21
"""Streams that the index of a dump may name; the largest wiki's has an eighth of it."""

_CHUNK = 2**16
_LONGEST_TAG = 2**20
_DEEPEST = 20
_MOST_NAMES = 1_000
_LONGEST_KEY = 16
_LONGEST_NAME = 2**14
_SITE = "mediawiki/siteinfo"
_PAGE = "mediawiki/page"
_WIKITEXT = f"{_PAGE}/revision/text"
_FIELDS = frozenset(
    {f"{_SITE}/base", f"{_SITE}/namespaces/namespace", f"{_PAGE}/title", f"{_PAGE}/ns", f"{_PAGE}/id"}
    | {f"{_PAGE}/revision/model", _WIKITEXT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The wiki that a dump is of.

    Attributes:
        url: Where its pages are, without the last slash; empty if unknown.
        namespaces: Their numbers and local names.
    """

    url: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpPage:
    """A page as the dump has it.

    Attributes:
        id: Its number in the wiki; may be empty.
        title: With the namespace's name.
        namespace: The number of its namespace, 0 for articles.
        redirect: Whether it only leads to another page.
        model: What the text is written in, `wikitext` for articles; older dumps don't say.
        wikitext: The source of its latest revision; the beginning of it where it is too long.
        too_long: Whether it is over 20 MiB.
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

    One that is damaged or ends too early yields its whole pages, then a rejection.

    Raises:
        SourceError: The file is no MediaWiki export, or declares entities.
    """
    with open_decompressed(file) as stream:
        yield from _pages(_plain_chunks(stream), file.name, _Export())


def read_index(index: File) -> Mapping[int, int]:
    """Return the number of pages of each stream of a multistream dump, by where it begins in bytes.

    Raises:
        SourceError: The index is damaged, or names more streams than any dump has.
    """
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
    """Return the wiki that the first stream of a multistream dump tells of.

    Raises:
        SourceError: It is no MediaWiki export, or declares entities.
    """
    export = _Export()
    next(_pages(_stream_chunks(dump, 0), name, export), None)
    return export.site


def read_stream(dump: BinaryIO, name: str, offset: int, site: Site) -> Iterator[DumpPage | Rejection]:
    """Yield the pages of the stream that begins at an offset, as `read_dump` does.

    Raises:
        SourceError: It declares entities.
    """
    chunks = chain((b"<mediawiki>",), _stream_chunks(dump, offset), (b"</mediawiki>",))
    yield from _pages(chunks, f"{name}@{offset}", _Export(site))


@dataclass(slots=True)
class _Export:
    """What the XML parser calls: keeps the fields of the page at hand and the pages that are whole.

    Attributes:
        site: The wiki, once the head of the dump is read.
        whole: Pages that nobody took yet.
        ended: Whether the last element is closed.
        quiet: Bytes read since the parser last called.
    """

    site: Site = Site()
    whole: list[DumpPage] = field(default_factory=list)
    ended: bool = False
    quiet: int = 0
    _path: list[str] = field(default_factory=list)
    _fields: dict[str, str] = field(default_factory=dict)
    _names: list[tuple[str, str]] = field(default_factory=list)
    _key: str = ""
    _text: StringIO | None = None
    _size: int = 0
    _longest: int = LONGEST
    _too_long: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.quiet = 0
        self._path.append(tag.rpartition("}")[2])
        if len(self._path) > _DEEPEST or self._path[0] != "mediawiki":
            raise _NoExportError
        at = "/".join(self._path)
        if at == _PAGE:
            self._fields, self._too_long = {}, False
        elif at == f"{_PAGE}/redirect":
            self._fields[at] = "yes"
        elif at in _FIELDS:
            self._text, self._size, self._key = StringIO(), 0, attributes.get("key", "")[:_LONGEST_KEY]
            self._longest = LONGEST if at == _WIKITEXT else _LONGEST_NAME

    def data(self, text: str) -> None:
        self.quiet = 0
        if self._text is None or self._size > self._longest:
            return
        self._text.write(text)
        self._size += len(text.encode("utf-8", "replace"))

    def end(self, _: str) -> None:
        at = "/".join(self._path)
        self._path.pop()
        if self._text is not None and at in _FIELDS:
            self._too_long |= self._size > self._longest
            self._take(at, self._text.getvalue())
            self._text = None
        elif at == _PAGE:
            self.whole.append(self._page())
        elif at == _SITE:
            base = self._fields.get(f"{_SITE}/base", "")
            self.site = Site(url=base.rpartition("/")[0], namespaces=tuple(self._names))
        self.ended = not self._path

    def close(self) -> None:
        """Do nothing: the parser expects to find it."""

    def taken(self) -> list[DumpPage]:
        pages, self.whole = self.whole, []
        return pages

    def _take(self, at: str, text: str) -> None:
        if at.endswith("/namespace"):
            if len(self._names) < _MOST_NAMES:
                self._names.append((self._key, text))
        else:
            self._fields[at] = text

    def _page(self) -> DumpPage:
        said = {name: self._fields.get(f"{_PAGE}/{name}", "").strip() for name in ("id", "title", "ns")}
        return DumpPage(
            id=said["id"],
            title=said["title"],
            namespace=said["ns"] or "0",
            redirect=f"{_PAGE}/redirect" in self._fields,
            model=self._fields.get(f"{_PAGE}/revision/model", ""),
            wikitext=self._fields.get(f"{_PAGE}/revision/text", ""),
            too_long=self._too_long,
            site=self.site,
        )


class _NoExportError(ValueError):
    """The XML is none of MediaWiki's."""


def _pages(chunks: Iterator[bytes], position: str, export: _Export) -> Iterator[DumpPage | Rejection]:
    from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

    parser: Any = DefusedXMLParser(target=export, encoding="utf-8", forbid_dtd=True)
    reading = True
    # A tag or comment that never ends gives no event, while the parser keeps all of it.
    while reading and export.quiet <= _LONGEST_TAG:
        export.quiet += _CHUNK
        reading = _read_on(parser, chunks, position)
        yield from export.taken()
    if not export.ended:
        yield Rejection(position=position, reason="dump cut off")


def _read_on(parser: Any, chunks: Iterator[bytes], position: str) -> bool:
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
        fault = "no MediaWiki export" if isinstance(error, _NoExportError) else "it declares a document type"
        raise SourceError(
            f"{position}: {fault}, so it is not read; name a pages-articles dump of dumps.wikimedia.org"
        ) from error
    except (ParseError, EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the dump's
        return False
    return chunk is not None


def _plain_chunks(stream: BinaryIO) -> Iterator[bytes]:
    # `read` would lose what it has when the next bytes are damaged.
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK):
        yield chunk


def _stream_chunks(dump: BinaryIO, offset: int) -> Iterator[bytes]:
    """Yield what one bz2 stream holds; several may be read from one file in turn."""
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
