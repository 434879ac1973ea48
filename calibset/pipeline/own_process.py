"""The process of the build in the place of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibset.core.documents import Item
from calibset.core.timing import Timings
from calibset.hygiene.examination import Examiner
from calibset.pipeline.worker_process import ExaminedChunk, examine_all


@dataclass(frozen=True, slots=True)
class HeldChunk:
    """Items that wait for their turn to be examined."""

    items: Sequence[Item]
    examiner: Examiner


class OwnProcess:
    """Examines a chunk of records when its turn has come; some together take less time than one by one."""

    chunks_ahead = 1
    most_records = 16

    def prepare(self, examiner: Examiner) -> Examiner:
        """Return the examiner itself."""
        return examiner

    def submit(self, items: Sequence[Item], examiner: Examiner) -> HeldChunk:
        """Hold items until their turn has come."""
        return HeldChunk(items, examiner)

    def wait_for(self, pending: HeldChunk | None) -> ExaminedChunk | None:
        """Examine a chunk's items; None if there are none."""
        if pending is None:
            return None
        timings = Timings()
        examinations = examine_all(pending.examiner, pending.items, timings)
        return ExaminedChunk(examinations=tuple(examinations), seconds=timings.seconds)
