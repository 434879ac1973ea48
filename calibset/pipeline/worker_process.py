"""What runs in a worker: items are examined in chunks, by examiners that it is given once.

A worker may be a process of this machine or of another. It is sent nothing but values of calibset, and it
reads no file.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from calibset.core.documents import Item
from calibset.core.timing import Timings
from calibset.hygiene.examination import Examination, Examiner

# What a worker keeps for chunks to come: of one build usually, but a cluster's may serve several. A worker
# of Dask has several threads, which share it.
_MOST_BYTES = 2**30
_kept: dict[str, tuple[int, Any]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Items to examine, and with what.

    Attributes:
        items: The items.
        examiner: The key of the examiner, without evaluation sets.
        evaluations: The key of the evaluation sets; None if there are none.
        parts: Pickled, by key: the examiner, and the evaluation sets if the worker may not have them.
    """

    items: tuple[Item, ...]
    examiner: str
    evaluations: str | None
    parts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedChunk:
    """What was found about the items of a chunk.

    Attributes:
        examinations: For each item; None for one that can't be examined, which whoever asked may find out.
        seconds: The time that each step took.
    """

    examinations: tuple[Examination | None, ...]
    seconds: Mapping[str, float]


def open_processes(count: int, parts: Mapping[str, bytes]) -> ProcessPoolExecutor:
    """Return a pool of processes that were started, and that end with this one.

    An interruption meanwhile comes when all of them are there: they could not be ended before.

    Args:
        count: How many there are.
        parts: What each keeps from the start, pickled, by key.
    """
    # Not forked, which would copy the locks of this process's threads.
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(parts,)
    )
    # Python 3.11 waits without end for a process that it starts while another is killed.
    pool._safe_to_dynamically_spawn_children = False  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        with _interrupts_put_off():
            pool.submit(os.getpid)  # the first task starts all of them
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    return pool


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Put off interruptions of this process, and keep them from the processes that it starts."""
    if threading.current_thread() is not threading.main_thread():
        yield  # which is not interrupted
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    # A process begins with what is blocked here, and would tell of an interruption of its first moments.
    masks = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if came:
        signal.raise_signal(signal.SIGINT)


def _start_worker(parts: Mapping[str, bytes]) -> None:
    """Prepare a process that was started for this alone, and which ends with the one that started it."""
    # An interruption on a terminal goes to every process; the one that started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for key, pickled in parts.items():
        _keep(key, pickled)


def examine_chunk(chunk: Chunk) -> ExaminedChunk | None:
    """Examine a chunk; None if this worker was not given its evaluation sets yet."""
    examiner: Examiner = _keep(chunk.examiner, chunk.parts[chunk.examiner])
    if chunk.evaluations is not None:
        evaluations = _keep(chunk.evaluations, chunk.parts.get(chunk.evaluations))
        if evaluations is None:
            return None
        examiner = replace(examiner, evaluations=evaluations)
    timings = Timings()
    examinations = tuple(examine_all(examiner, chunk.items, timings))
    return ExaminedChunk(examinations=examinations, seconds=timings.seconds)


def examine_all(examiner: Examiner, items: Sequence[Item], timings: Timings) -> Sequence[Examination | None]:
    """Examine items; None for one of which that fails."""
    try:
        return examiner.examine(items, timings)
    except Exception:  # noqa: BLE001  (it is raised again where it is known whether it matters)
        return [_examine(examiner, item, Timings()) for item in items]


def _end_with(parent: BaseProcess) -> None:
    """End this process when the one that started it is killed, which tells nobody."""
    parent.join()
    os._exit(1)


def _examine(examiner: Examiner, item: Item, timings: Timings) -> Examination | None:
    try:
        return examiner(item, timings)
    except Exception:  # noqa: BLE001  (it is raised again where it is known whether it matters)
        return None


def _keep(key: str, pickled: bytes | None) -> Any:
    """Return a part that is kept, or that is now; None if there is none."""
    with _lock:
        if key not in _kept:
            if pickled is None:
                return None
            _kept[key] = len(pickled), pickle.loads(pickled)  # noqa: S301  (of the process that builds)
        size, part = _kept.pop(key)
        _kept[key] = size, part  # last, so that it is forgotten last
        while sum(size for size, _ in _kept.values()) > _MOST_BYTES and len(_kept) > 1:
            del _kept[next(iter(_kept))]
        return part
