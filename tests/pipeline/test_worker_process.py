"""How workers start, and what they keep for the chunks to come."""

from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from calibset.hygiene.examination import Examiner
from calibset.hygiene.options import Hygiene
from calibset.pipeline import worker_process
from calibset.pipeline.worker_process import Chunk, examine_chunk, open_processes
from tests.pipeline.start_masks import Parts, find_masks

unpickled: list[Examiner] = []


def unpickle_slowly() -> Examiner:
    time.sleep(0.05)
    unpickled.append(Examiner(options=Hygiene()))
    return unpickled[-1]


class SlowExaminer(Examiner):
    """Takes a while to unpickle, as large evaluation sets do."""

    def __reduce__(self) -> tuple[Callable[[], Examiner], tuple[()]]:
        return unpickle_slowly, ()


def test_threads_of_a_worker_share_what_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_kept", {})
    parts = {"slow": pickle.dumps(SlowExaminer(options=Hygiene()))}
    chunk = Chunk(items=(), examiner="slow", evaluations=None, parts=parts)
    with ThreadPoolExecutor(4) as threads:
        assert None not in list(threads.map(examine_chunk, [chunk] * 8))
    assert len(unpickled) == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="has no masks of signals")
def test_an_interruption_does_not_reach_a_process_that_is_only_starting() -> None:
    with open_processes(2, Parts()) as pool:
        masks = [pool.submit(find_masks) for _ in range(2)]
        assert [mask.result() for mask in masks] == [(True, True)] * 2


def test_all_processes_start_before_the_first_task_may_kill_one() -> None:
    with open_processes(2, {}) as pool:
        assert pool.submit(abs, -1).result() == 1
        assert len(pool._processes or ()) == 2
