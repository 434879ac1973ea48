"""Records that wait for their turn, in little memory."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from copyreg import __newobj__  # type: ignore[attr-defined]
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any

import zstandard

from calibset.core.documents import (
    Conversation,
    Document,
    Filtered,
    Message,
    Record,
    Rejection,
    Tool,
    ToolCall,
)

# How many are packed together: alike records pack better, and all of these are unpacked for one of them.
_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class PackedRecords:
    """Records in order, compressed some at a time.

    Attributes:
        packs: The compressed records.
    """

    packs: tuple[bytes, ...]

    @classmethod
    def of(cls, records: Iterable[Record]) -> PackedRecords:
        """Return records in the order given."""
        compressor, waiting = zstandard.ZstdCompressor(level=1), iter(records)
        packs = []
        while together := list(islice(waiting, _TOGETHER)):
            pack = compressor.compress(_dump(together))
            # A copy, because zstandard's own bytes take as much room as they might have needed.
            packs.append(bytes(memoryview(pack)))
        return cls(tuple(packs))

    def __iter__(self) -> Iterator[Record]:
        decompressor = zstandard.ZstdDecompressor()
        for pack in self.packs:
            # No bytes of a corpus: what `of` made of records in this process.
            together: Sequence[Record] = pickle.loads(decompressor.decompress(pack))  # noqa: S301
            yield from together


def _dump(records: list[Record]) -> bytes:
    written = io.BytesIO()
    pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(records)
    return written.getvalue()


def _reduce_by(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    take_values = attrgetter(*kind.__slots__)  # type: ignore[attr-defined]
    return lambda record: (__newobj__, (kind,), take_values(record))


# What pickle would write by itself; but it asks dataclasses for the fields of each record, which takes thrice
# as long.
_REDUCERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    kind: _reduce_by(kind) for kind in (Document, Conversation, Message, Tool, ToolCall, Rejection, Filtered)
}


def hold_records(records: Sequence[Record]) -> Iterable[Record]:
    """Return records packed, or as they are if an adapter put something into them that can't be."""
    try:
        return PackedRecords.of(records)
    except (pickle.PicklingError, TypeError, AttributeError):
        return records
