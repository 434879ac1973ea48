"""Executors that work at once, in this process, and fail as those of clusters do."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from random import Random
from typing import Any

from calibset.pipeline import worker_process


class Inline(Executor):
    """Runs what it is given at once, pickled on its way there and back.

    Args:
        fails: The numbers of the calls whose worker dies.
        workers: How many workers it has; chance says which is next, and each knows only what it was given.
    """

    def __init__(self, fails: Iterable[int] = (), workers: int = 1) -> None:
        self.calls = 0
        self.sent: list[int] = []
        self._fails = set(fails)
        self._random = Random(0)
        self._kept: list[dict[str, Any]] = [{} for _ in range(workers)]

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        number, self.calls = self.calls, self.calls + 1
        future: Future[Any] = Future()
        if number in self._fails:
            future.set_exception(OSError("the worker was killed"))
            return future
        pickled = pickle.dumps((args, options))
        self.sent.append(len(pickled))
        args, options = pickle.loads(pickled)
        here, worker_process._kept = worker_process._kept, self._random.choice(self._kept)
        try:
            future.set_result(pickle.loads(pickle.dumps(call(*args, **options))))
        finally:
            worker_process._kept = here
        return future


class Closed(Executor):
    """Takes nothing."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        raise RuntimeError("cannot schedule new futures after shutdown")
