"""The workers of a build: an executor that examines chunks of items, and what is done when it fails."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from calibset.core.documents import Item
from calibset.core.text import excerpt
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.examination import Examiner
from calibset.pipeline.worker_process import Chunk, ExaminedChunk, examine_chunk, open_processes

# Chunks on their way for each worker: one in work, one that waits.
_CHUNKS_A_WORKER = 2
# The workers that a given executor is taken to have if nobody says how many.
_USUAL_WORKERS = 4
# After so many failures without a chunk between them that succeeds, nothing is given to workers any more.
_MOST_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A value as workers are given it."""

    key: str
    pickled: bytes

    @classmethod
    def of(cls, value: object) -> _Part:
        pickled = pickle.dumps(value, protocol=5)
        return cls(key=sha256(pickled).hexdigest(), pickled=pickled)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteExaminer:
    """An examiner as workers are given it."""

    examiner: _Part
    evaluations: _Part | None

    def make_chunk(self, items: Sequence[Item], *, sends_evaluations: bool) -> Chunk:
        """Return a chunk for this examiner."""
        parts = {self.examiner.key: self.examiner.pickled}
        if sends_evaluations and self.evaluations:
            parts[self.evaluations.key] = self.evaluations.pickled
        return Chunk(
            items=tuple(items),
            examiner=self.examiner.key,
            evaluations=self.evaluations.key if self.evaluations else None,
            parts=parts,
        )


@dataclass(frozen=True, slots=True)
class PendingChunk:
    """A chunk that a worker was asked to examine.

    Attributes:
        items: Its items.
        examiner: The examiner.
        executor: Who was asked.
        future: The answer to come.
    """

    items: Sequence[Item]
    examiner: RemoteExaminer
    executor: Executor
    future: Future[ExaminedChunk | None]


class Workers:
    """Workers that examine items ahead. What they fail to do is left to this process, so nothing is lost.

    Args:
        count: How many work at once.
        executor: Where they work; processes of this machine if None.
    """

    most_records = 64
    """The most records in a chunk."""

    def __init__(self, count: int, executor: Executor | None = None) -> None:
        self.chunks_ahead = _CHUNKS_A_WORKER * count
        """How many chunks are on their way at once."""
        self._count = count
        self._given = executor
        self._pool: ProcessPoolExecutor | None = None
        self._evaluations: tuple[EvaluationIndex, _Part] | None = None
        self._failures = self._failures_in_a_row = 0
        self._reason = ""

    @property
    def note(self) -> str | None:
        """What users should know of workers that failed; None if none did."""
        if not self._failures:
            return None
        parts = "a part" if self._failures == 1 else f"{self._failures:,} parts"
        rest = ", and so was all that followed" if self._has_given_up else ""
        return (
            f"workers failed to examine {parts} of the documents, which was done in this process then{rest}: "
            f"no row is other for it ({self._reason})"
        )

    def prepare(self, examiner: Examiner) -> RemoteExaminer:
        """Return an examiner as workers are given it; evaluation sets are pickled once for all sources."""
        if examiner.evaluations is None:
            return RemoteExaminer(examiner=_Part.of(examiner), evaluations=None)
        if self._evaluations is None or self._evaluations[0] is not examiner.evaluations:
            self._evaluations = examiner.evaluations, _Part.of(examiner.evaluations)
        return RemoteExaminer(
            examiner=_Part.of(replace(examiner, evaluations=None)), evaluations=self._evaluations[1]
        )

    def submit(self, items: Sequence[Item], examiner: RemoteExaminer) -> PendingChunk | None:
        """Ask for items to be examined; None if no worker can be asked."""
        return self._submit(items, examiner, sends_evaluations=False)

    def wait_for(self, pending: PendingChunk | None) -> ExaminedChunk | None:
        """Return what was found, or None if that is to be found out in this process."""
        while pending is not None:
            try:
                examined = pending.future.result()
            except Exception as error:  # noqa: BLE001  (executors raise whatever they like)
                self._count_failure(pending.executor, error)
                return None
            if examined is not None:
                self._failures_in_a_row = 0
                return examined
            pending = self._submit(pending.items, pending.examiner, sends_evaluations=True)
        return None

    def close(self) -> None:
        """End the processes that were started here; a given executor is left as it is."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    @property
    def _has_given_up(self) -> bool:
        return self._failures_in_a_row >= _MOST_FAILURES

    def _submit(
        self, items: Sequence[Item], examiner: RemoteExaminer, *, sends_evaluations: bool
    ) -> PendingChunk | None:
        if self._has_given_up:
            return None
        chunk = examiner.make_chunk(items, sends_evaluations=sends_evaluations)
        executor = self._given
        try:
            executor = executor or self._open_pool(examiner)
            return PendingChunk(items, examiner, executor, executor.submit(examine_chunk, chunk))
        except Exception as error:  # noqa: BLE001  (broken, or shut down)
            self._count_failure(executor, error)
            return None

    def _open_pool(self, examiner: RemoteExaminer) -> ProcessPoolExecutor:
        if self._pool is None:
            evaluations = examiner.evaluations
            self._pool = open_processes(
                self._count, {evaluations.key: evaluations.pickled} if evaluations else {}
            )
        return self._pool

    def _count_failure(self, executor: Executor | None, error: Exception) -> None:
        self._failures += 1
        self._reason = f"{type(error).__name__}: {excerpt(error)}" if str(error) else type(error).__name__
        if executor is not self._given and executor is not self._pool:
            return  # one more chunk of a pool that is known to be broken
        self._failures_in_a_row += 1
        if self._pool is not None and isinstance(error, BrokenExecutor):
            # All of its chunks have failed; the next one opens another.
            self.close()


@contextmanager
def open_workers(count: int | None, executor: Executor | None) -> Iterator[Workers | None]:
    """Open the workers of a build, and end them with it; None if it is to do everything by itself.

    Args:
        count: How many there are; None for one process, or for as many as an executor has, if it says so.
        executor: Where they work; processes of this machine if None.

    Raises:
        TypeError: The number is none, or the executor takes no tasks.
        ValueError: The number is not positive.
        RuntimeError: This process is a worker that imports the program's file.
    """
    if count is not None and not isinstance(count, int):
        raise TypeError(f"workers must be a whole number, got {count!r}")
    if count is not None and count < 1:
        raise ValueError(f"workers must be at least 1, got {count}")
    if executor is not None and (isinstance(executor, type) or not hasattr(executor, "submit")):
        raise TypeError(f"executor must be an open concurrent.futures.Executor, got {executor!r}")
    if executor is None and (count or 1) == 1:
        yield None
        return
    # As multiprocessing itself asks, whose own error would be taken for that of a worker that fails.
    if executor is None and getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "workers import the file of the program, and this call is made by it each time: put the call "
            'under if __name__ == "__main__"'
        )
    workers = Workers(count or getattr(executor, "_max_workers", None) or _USUAL_WORKERS, executor)
    try:
        yield workers
    finally:
        with suppress(BrokenExecutor):
            workers.close()
