"""What a compressed file may unpack to: a bound on what a few bytes may make a reader do."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from calibset.core.errors import SourceError

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST_FREE_BYTES = 2**30
"""The bytes that any file may unpack to."""

MOST_BYTES_PER_BYTE = 200
"""The bytes that a larger one may unpack to for each of its own.

Text packs to a third or a tenth; of the corpora that calibset is tried with, a CSV of templated answers packs
best, to an eighteenth (zstd, level 12).
"""

MOST_FREE_LINES = 4_000_000
"""The lines that any file may unpack to."""

MOST_LINES_PER_BYTE = 2
"""The lines that a larger one may unpack to for each of its own bytes.

A line that says anything new takes more, packed: the short lines of an ontology in Turtle take two and a half
bytes each, those of JSON Lines hundreds.
"""


@dataclass(slots=True)
class ReadingBudget:
    """What is read of a compressed file, and unpacked from it.

    Attributes:
        name: The file's name in messages.
        stored: Returns how many of its own bytes have been read.
        unpacked: The bytes that were unpacked from them.
        lines: The ends of lines among those.
    """

    name: str
    stored: Callable[[], int]
    unpacked: int = 0
    lines: int = 0

    def count(self, content: bytes) -> None:
        """Count bytes as unpacked.

        Raises:
            SourceError: They are more, or more lines, than the bytes that were read may stand for.
        """
        self.lines += content.count(b"\n")
        self.add(len(content))

    def add(self, unpacked: int) -> None:
        """Count so many bytes as unpacked.

        Raises:
            SourceError: They are more, or more lines, than the bytes that were read may stand for.
        """
        self.unpacked += unpacked
        if self.unpacked > MOST_FREE_BYTES and self.unpacked > MOST_BYTES_PER_BYTE * self.stored():
            self._refuse(f"{self.unpacked:,} bytes", f"{MOST_BYTES_PER_BYTE} for each of them")
        if self.lines > MOST_FREE_LINES and self.lines > MOST_LINES_PER_BYTE * self.stored():
            self._refuse(f"{self.lines:,} lines", f"{MOST_LINES_PER_BYTE} for each of them")

    def _refuse(self, unpacked: str, most: str) -> None:
        raise SourceError(
            f"{self.name}: {self.stored():,} bytes of it unpack to {unpacked}, more than {most}, as no "
            "corpus does; unpack it yourself if you trust it, or leave it out with files = [...]"
        )


class BudgetedStream(io.RawIOBase):
    """A decompressed stream whose bytes are counted."""

    def __init__(self, plain: BinaryIO, budget: ReadingBudget) -> None:
        super().__init__()
        self._plain = plain
        # `read` would lose what it has when the next bytes are damaged.
        self._read = getattr(plain, "read1", plain.read)
        self._budget = budget

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Write the next bytes into a buffer and return their number, 0 at the end."""
        target = memoryview(buffer).cast("B")
        content = self._read(len(target))
        self._budget.count(content)
        target[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the stream that is decompressed."""
        self._plain.close()
        super().close()
