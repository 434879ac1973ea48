"""Records that wait for their turn, in little memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import zstandard

from calibset.core.documents import Record

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
            pack = compressor.compress(pickle.dumps(together, pickle.HIGHEST_PROTOCOL))
            # A copy, because zstandard's own bytes take as much room as they might have needed.
            packs.append(bytes(memoryview(pack)))
        return cls(tuple(packs))

    def __iter__(self) -> Iterator[Record]:
        decompressor = zstandard.ZstdDecompressor()
        for pack in self.packs:
            # No bytes of a corpus: what `of` made of records in this process.
            together: Sequence[Record] = pickle.loads(decompressor.decompress(pack))  # noqa: S301
            yield from together


def hold_records(records: Sequence[Record]) -> Iterable[Record]:
    """Return records packed, or as they are if an adapter put something into them that can't be."""
    try:
        return PackedRecords.of(records)
    except (pickle.PicklingError, TypeError, AttributeError):
        return records
