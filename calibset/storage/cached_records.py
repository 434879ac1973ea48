"""Records of a stream that only another library can read, cached so that they are not fetched again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from pydantic import BaseModel, ConfigDict, ValidationError

from calibset.core.documents import Record
from calibset.core.errors import OfflineError
from calibset.storage.cache import CachedFile

_CHUNK = 100


class _Chunk(BaseModel):
    """Some records in their order, and whether the stream ends with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[Record, ...]
    last: bool


def read_cached_records(
    cached_file: CachedFile, stream: Callable[[int], Iterator[Record]], *, offline: bool
) -> Iterator[Record]:
    """Yield the records of a stream: first those in the cache, then the rest, which are cached as they come.

    Args:
        cached_file: Where the records are cached.
        stream: Opens the stream after a number of records; called once the cached ones are used up.
        offline: Whether the stream may not be opened.

    Raises (when read):
        OfflineError: No more records are cached, and the stream may not be read.
        SourceError: Records can't be written to the cache.
    """
    count = offset = 0
    while cached := _load_chunk(cached_file, offset):
        chunk, offset = cached
        yield from chunk.rows
        if chunk.last:
            return
        count += len(chunk.rows)
    if offline:
        info = cached_file.info
        raise OfflineError(f"{info.location}: {info.name}: rows from {count} on are not in the cache")
    # Chunks may be left that another version of calibset wrote, or that follow a damaged one.
    cached_file.clear(offset)
    remaining = stream(count)
    last = False
    while not last:
        records = tuple(islice(remaining, _CHUNK))
        last = len(records) < _CHUNK
        offset = cached_file.put(offset, _Chunk(rows=records, last=last).model_dump_json().encode()).end
        yield from records


def _load_chunk(cached_file: CachedFile, offset: int) -> tuple[_Chunk, int] | None:
    """Return the chunk that begins at an offset, and the offset of the next one."""
    for cached in cached_file.ranges():
        if cached.start == offset and (content := cached_file.content(cached)) is not None:
            with suppress(ValidationError):
                return _Chunk.model_validate_json(content), cached.end
    return None
