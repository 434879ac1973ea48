"""A source read ahead of what is asked of it, so that there are records to examine together, or elsewhere.

Nothing tells how far was read ahead: records come in their order, a fault is raised when its turn has come,
and what was read of the files is recorded with the record that it was read for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from calibset.core.documents import Conversation, Document, Item, Record
from calibset.core.timing import Timings
from calibset.hygiene.admission import ExaminedRecord, is_too_long, name_safely
from calibset.hygiene.examination import Examination, Examiner
from calibset.pipeline.token_ids import is_ids
from calibset.pipeline.worker_process import ExaminedChunk
from calibset.sources.sampling.files import measure_record
from calibset.storage import Reader, TrackedReader
from calibset.storage.read_tracker import HeldReads

# First one chunk of so few records; more chunks, and larger ones, as records are taken.
_LEAST_RECORDS = 4
_MOST_CHARACTERS = 2**18
_END: Any = object()


class ChunkExaminers(Protocol):
    """Who examines chunks of items: workers, or this process.

    Attributes:
        chunks_ahead: How many chunks are on their way at once.
        most_records: The most records in a chunk.
    """

    chunks_ahead: int
    most_records: int

    def prepare(self, examiner: Examiner) -> Any:
        """Return an examiner as `submit` is given it."""

    def submit(self, items: Sequence[Item], examiner: Any) -> Any:
        """Ask for items to be examined, and return what `wait_for` is given."""

    def wait_for(self, pending: Any) -> ExaminedChunk | None:
        """Return what was found, or None if that is to be found out one by one."""


@dataclass(frozen=True, slots=True)
class _ReadRecord:
    """A record, what was read of the files for it, and whether it is sent to be examined."""

    record: Record
    held: HeldReads
    is_sent: bool = False


@dataclass(slots=True)
class _ChunkAhead:
    """Records that were read ahead, and the answer about those that were sent to be examined.

    Attributes:
        records: The records.
        pending: The answer; None if none can be asked for.
        fault: What was raised when the next record was to be read.
    """

    records: list[_ReadRecord] = field(default_factory=list)
    pending: Any = None
    fault: BaseException | None = None


class ReadAhead:
    """The records of a source, which are examined before their turn.

    Args:
        records: The records, read as they are asked for.
        reader: The reader through which they are read.
        workers: Who examines the records.
        examiner: What they are examined with.
        timings: To which the time of that is added.
    """

    def __init__(
        self,
        records: Iterable[Record],
        reader: Reader,
        workers: ChunkExaminers,
        examiner: Examiner,
        timings: Timings,
    ) -> None:
        self._records = iter(records)
        self._reader = reader
        self._workers = workers
        self._examiner = examiner
        self._timings = timings
        self._chunks: deque[_ChunkAhead] = deque()
        self._taken = 0
        self._is_at_end = False
        self._examination: Examination | None = None

    def read(self) -> Iterator[Record]:
        """Yield the records in their order."""
        examiner = self._workers.prepare(self._examiner)
        while True:
            while len(self._chunks) < self._count_chunks() and not self._is_at_end:
                chunk = self._read_chunk()
                # Whatever has no id that a manifest can hold is examined under the one that it will get.
                sent = (name_safely(one.record) for one in chunk.records if one.is_sent)
                items = [item for item in sent if isinstance(item, Document | Conversation)]
                chunk.pending = self._workers.submit(items, examiner) if items else None
                self._chunks.append(chunk)
            if not self._chunks:
                return
            yield from self._take(self._chunks.popleft())

    def examined(self, records: Iterable[Record]) -> Iterator[ExaminedRecord]:
        """Yield what `read` yielded and others handed on one by one, with what was found about it."""
        for record in records:
            yield ExaminedRecord(record, self._examination)

    def _count_chunks(self) -> int:
        """Return how many chunks may wait, so that no more is read ahead than was taken."""
        return min(self._workers.chunks_ahead, max(1, self._taken // _LEAST_RECORDS))

    def _read_chunk(self) -> _ChunkAhead:
        chunk, characters = _ChunkAhead(), 0
        most = self._taken // self._workers.chunks_ahead
        most = min(max(most, _LEAST_RECORDS), self._workers.most_records)
        while len(chunk.records) < most and characters < _MOST_CHARACTERS:
            with self._hold() as held:
                try:
                    record = next(self._records, _END)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as error:  # noqa: BLE001  (raised in its turn; a library may panic)
                    record, chunk.fault = _END, error
            is_sent = _can_be_examined(record)
            chunk.records.append(_ReadRecord(record, held, is_sent))
            if record is _END:
                self._is_at_end = True
                break
            characters += measure_record(record) if is_sent else 0
        return chunk

    def _hold(self) -> AbstractContextManager[HeldReads]:
        return (
            self._reader.read_ahead() if isinstance(self._reader, TrackedReader) else nullcontext(HeldReads())
        )

    def _take(self, chunk: _ChunkAhead) -> Iterator[Record]:
        examined = self._workers.wait_for(chunk.pending)
        for step, seconds in examined.seconds.items() if examined else ():
            self._timings.add(step, seconds)
        answers = iter(examined.examinations if examined else ())
        for one in chunk.records:
            one.held.release()
            if one.record is _END:
                break
            self._examination = next(answers, None) if one.is_sent else None
            self._taken += 1
            yield one.record
        if chunk.fault is not None:
            raise chunk.fault


def _can_be_examined(record: Record) -> bool:
    """Return whether a record is an item whose text is known, and no longer than it may be."""
    return isinstance(record, Document | Conversation) and not is_ids(record) and not is_too_long(record)
