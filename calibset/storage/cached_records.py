"""Records of a stream that only another library can read, kept so that they are not read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from calibset.core.documents import Document, Rejection
from calibset.core.errors import OfflineError
from calibset.storage.cache import CachedFile

Row: TypeAlias = Document | Rejection

_CHUNK = 100


class _Chunk(BaseModel):
    """Some records in their order, and whether the stream ends with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[Row, ...]
    last: bool


def read_cached_records(
    cached_file: CachedFile, stream: Callable[[int], Iterator[Row]], *, offline: bool
) -> Iterator[Row]:
    """Yield the records of a stream: those that are kept, then the others, which are kept too.

    Args:
        cached_file: Where they are kept.
        stream: Opens the stream behind so many records; not called while there are kept ones.
        offline: Whether it may not be called.

    Raises (when read):
        OfflineError: No more are kept, and the stream may not be read.
        SourceError: They can't be kept.
    """
    count = position = 0
    while found := _kept(cached_file, position):
        chunk, position = found
        yield from chunk.rows
        if chunk.last:
            return
        count += len(chunk.rows)
    if offline:
        info = cached_file.info
        raise OfflineError(f"{info.location}: {info.name}: rows from {count} on are not in the cache")
    rest = stream(count)
    last = False
    while not last:
        rows = tuple(islice(rest, _CHUNK))
        last = len(rows) < _CHUNK
        position = cached_file.put(position, _Chunk(rows=rows, last=last).model_dump_json().encode()).end
        yield from rows


def _kept(cached_file: CachedFile, position: int) -> tuple[_Chunk, int] | None:
    """Return the chunk that begins at a place, and where the next one does."""
    for piece in cached_file.pieces():
        if piece.start == position and (content := cached_file.content(piece)) is not None:
            try:
                return _Chunk.model_validate_json(content), piece.end
            except ValidationError:
                return None
    return None
