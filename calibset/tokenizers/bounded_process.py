"""A process that does what a stranger's file says, and is ended when it takes too much time or memory."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from calibset.core.errors import TokenizerError

# As the worker writes its answers: a kind, and the length of what follows.
_KIND = 4
_LENGTH = 8
# How the worker ends when its time is spent: by a signal where there is one, or else by its own watch.
_OUT_OF_TIME = (-getattr(signal, "SIGPROF", 0), 1)
# Isolated, so that nothing in the working directory or the environment is imported in place of a library.
_START = "import runpy, sys; sys.path[:] = sys.argv[2:]; runpy.run_path(sys.argv[1], run_name='__main__')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a process.

    Attributes:
        seconds: Its processor time.
        seconds_each: What each request adds to that.
        memory: Its memory, in bytes.
    """

    seconds: float
    seconds_each: float
    memory: int

    def describe(self) -> dict[bytes, str]:
        """Return what is said of a process that ended by a limit, by the kind of its last answer."""
        return {
            b"slow": f"takes over {self.seconds:g} s more than {self.seconds_each:g} s for each",
            b"full": f"takes over {self.memory // 2**20} MiB of memory",
            b"dead": "makes the process end that does it",
        }


class BoundedProcess:
    """Answers requests in a process of its own, which starts when it is first needed.

    It ends with this object. After a fault that ends it, each request has that fault.
    """

    def __init__(
        self,
        program: Path,
        setup: Any,
        limits: Limits,
        *,
        subject: str,
        remedy: str,
        faults: Mapping[bytes, str],
    ) -> None:
        """Keep what the process will need.

        Args:
            program: The file whose ``open_answerer`` makes of ``setup`` what answers requests.
            setup: What it is handed.
            limits: What the process may take.
            subject: What takes too much, and the file that it is from, for messages.
            remedy: What to do about it.
            faults: Further kinds of answers that end the process, and what is said of them.
        """
        self._opening = (str(program), setup, limits.seconds, limits.seconds_each, limits.memory)
        self._subject = subject
        self._remedy = remedy
        self._faults = {**limits.describe(), **faults}
        self._worker: _Worker | None = None
        self._fault = ""
        self._lock = threading.Lock()

    def ask(self, request: Any) -> tuple[bytes, bytes]:
        """Return the kind of an answer, and the answer.

        Raises:
            TokenizerError: The process took too much, for this request or one before.
        """
        with self._lock:
            if self._fault:
                raise TokenizerError(self._fault)
            kind, content = self._ask(request)
            if kind in self._faults:
                self.end()
                self._fault = f"{self._subject} {self._faults[kind]}; {self._remedy}"
                raise TokenizerError(self._fault)
        return kind, content

    def end(self) -> None:
        """End the process; the next request starts another."""
        if self._worker is not None:
            self._ended()
            self._worker = None

    def _ask(self, request: Any) -> tuple[bytes, bytes]:
        worker = self._worker or self._start()
        try:
            worker.send(request)
            return worker.receive()
        except BaseException:  # such as an interruption, after which the answer would stay unread
            self.end()
            raise

    def _start(self) -> _Worker:
        file = str(Path(__file__).with_name("bounded_worker.py"))
        command = [sys.executable, "-I", "-S", "-c", _START, file, *sys.path]
        try:
            process = subprocess.Popen(  # noqa: S603  (our own program)
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise TokenizerError(f"{self._subject}: no process can be started: {error.strerror}") from error
        self._ended = weakref.finalize(self, _end, process)
        pipes = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        self._worker = _Worker(process, *pipes)
        self._worker.send(self._opening)
        return self._worker


class _Worker(NamedTuple):
    """A process that runs ``bounded_worker.py``, and the pipes to it and from it."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]

    def send(self, content: Any) -> None:
        frame = pickle.dumps(content)
        with suppress(BrokenPipeError):  # it has ended, which its answer will show
            self.requests.write(len(frame).to_bytes(_LENGTH, "big") + frame)
            self.requests.flush()

    def receive(self) -> tuple[bytes, bytes]:
        head = self.answers.read(_KIND + _LENGTH)
        if len(head) < _KIND + _LENGTH:
            return (b"slow" if self.process.wait() in _OUT_OF_TIME else b"dead"), b""
        return head[:_KIND], self.answers.read(int.from_bytes(head[_KIND:], "big"))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # something was not yet sent
            cast("IO[bytes]", pipe).close()
