"""Multistream dumps of MediaWiki, read in a fair order from all over the dump with their index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import escape

from calibset.core.documents import Rejection
from calibset.core.errors import NotThereError
from calibset.core.seeding import shuffled
from calibset.sources.formats.mediawiki_dump import DumpPage, read_index, read_site, read_stream
from calibset.sources.sampling.interleave import MAX_OPEN_PARTS, Part, interleave, shuffle_in_batches
from calibset.storage.files import File, Reader

_DUMP = "pages-articles-multistream.xml.bz2"
_INDEX = "pages-articles-multistream-index.txt.bz2"
_SINGLE_STREAM = "pages-articles.xml.bz2"


@dataclass(frozen=True, slots=True, kw_only=True)
class MultistreamDump(File):
    """A dump of many bz2 streams, with the index that says where each begins."""

    index: File


def pair_with_indexes(files: Iterable[File], reader: Reader) -> tuple[File, ...]:
    """Pair multistream dumps with their index, and drop the same dump in one stream."""
    by_name = {file.name: file for file in files}
    for name in [name for name in by_name if name.endswith(_DUMP)]:
        wiki = name.removesuffix(_DUMP)
        by_name.pop(wiki + _SINGLE_STREAM, None)
        if index := by_name.pop(wiki + _INDEX, None) or _find_file(reader, wiki + _INDEX):
            dump = by_name[name]
            by_name[name] = MultistreamDump(
                dump.name, dump.open_bytes, dump.size, dump.open_ranges, index=index
            )
    return tuple(by_name.values())


def _find_file(reader: Reader, name: str) -> File | None:
    """Return the file of this name, if the location can list what it holds."""
    try:
        files = reader.files(f"*{escape(name)}")
    except NotThereError:
        return None
    return next((file for file in files if file.name == name), None)


def sample_pages(
    dump: MultistreamDump, seed: int, first_parts: int = MAX_OPEN_PARTS
) -> Iterator[DumpPage | Rejection]:
    """Yield the pages of a few streams at a time, from each in proportion to its number of pages."""
    sizes = read_index(dump.index)
    with dump.open_random_access() as opened:
        site = read_site(opened, dump.name)
        parts = (
            Part(
                sizes[offset],
                shuffle_pages(read_stream(opened, dump.name, offset, site), seed, dump.name, offset),
            )
            for offset in shuffled(sizes, seed, dump.name)
        )
        yield from interleave(parts, seed, dump.name, first=first_parts)


def shuffle_pages(
    pages: Iterable[DumpPage | Rejection], seed: int, name: str, offset: int = 0
) -> Iterator[DumpPage | Rejection]:
    """Yield the pages of a stream, shuffled a thousand at a time."""

    def length(page: DumpPage | Rejection) -> int:
        return len(page.wikitext) if isinstance(page, DumpPage) else 0

    return shuffle_in_batches(pages, seed, name, offset, length=length)
