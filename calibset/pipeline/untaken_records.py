"""The records in a row of which none became a document: told while they are read, and bounded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from calibset.core.documents import Record
from calibset.core.errors import SourceError
from calibset.hygiene.stats import LeftOut
from calibset.sources.sampling.files import measure_record

T = TypeVar("T")

# Seconds after which it is told that nothing was taken, and then each time twice as many.
_TOLD_AFTER = 10.0
# Records between two looks at the clock.
_STEP = 100
# Characters for which a record counts once more, because they take as long as a short record does.
_CHARACTERS = 1_000

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class UntakenRecords:
    """The records since the last one that became a document.

    Attributes:
        key: The source's table in the recipe, for messages.
        most: How many there may be, counted as `max_left_out_in_a_row` says.
        left_out: What was left out of the source so far, with reasons.
        clock: Returns the seconds of a clock.
        records: How many there are.
    """

    key: str
    most: int
    left_out: LeftOut
    clock: Callable[[], float] = time.monotonic
    records: int = 0
    _weight: int = 0
    _start: float = field(init=False)
    _told_after: float = _TOLD_AFTER

    def __post_init__(self) -> None:
        self._start = self.clock()

    def count(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield records and count them.

        Raises:
            SourceError: There are more than there may be.
        """
        for record in records:
            if self._weight >= self.most:
                raise SourceError(
                    f"{self.records:,} records in a row gave no document ({self.left_out.describe()}); "
                    "name other files or columns, loosen what filters them, or raise "
                    f"{self.key}.max_left_out_in_a_row if so few are wanted"
                )
            if self.records % _STEP == _STEP - 1:
                self._tell()
            self.records += 1
            self._weight += 1 + measure_record(record) // _CHARACTERS
            yield record

    def start_again_at(self, documents: Iterable[T]) -> Iterator[T]:
        """Yield documents, and count from 0 after each."""
        for document in documents:
            yield document
            # What is done with a document takes time, too, but none of it was spent on looking for one.
            self.start_again()

    def start_again(self) -> None:
        """Count from 0."""
        self.records = self._weight = 0
        self._start, self._told_after = self.clock(), _TOLD_AFTER

    def _tell(self) -> None:
        seconds = self.clock() - self._start
        if seconds < self._told_after:
            return
        self._told_after = 2 * seconds
        _logger.warning(
            "%s: %s records read in %d s, none taken: %s",
            self.key, f"{self.records:,}", seconds, self.left_out.describe(),
        )  # fmt: skip
