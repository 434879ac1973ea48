"""The program that `BoundedProcess` runs: it answers requests until its time or memory is spent.

It starts in a twentieth of a second, because it imports nothing of calibset but the file that it is given.

It reads frames of pickle from its parent: first that file, what is handed to its ``open_answerer``, and the
limits; then requests. It answers each with a kind of four letters, a length, and bytes.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import runpy
import signal
import sys
from typing import Any, BinaryIO

# The bytes of a length, as `BoundedProcess` writes and reads them.
_LENGTH = 8
_LONGEST_MESSAGE = 1_000


class Clock:
    """Ends the process when its budget of processor time is spent, whatever it is at."""

    def __init__(self, seconds: float, more: float) -> None:
        self._left = seconds
        self._more = more  # what each request adds

    def start(self) -> None:
        """Let the time run."""
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, self._left)
        else:  # a thread that needs nothing of the interpreter, by the clock on the wall
            faulthandler.dump_traceback_later(self._left, exit=True)

    def stop(self) -> None:
        """Let the time stand still, and add what a request adds."""
        if hasattr(signal, "setitimer"):
            self._left = signal.setitimer(signal.ITIMER_PROF, 0)[0] + self._more
        else:
            faulthandler.cancel_dump_traceback_later()


def limit_memory(size: int) -> None:
    """Let this process have so much memory and no more, where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, ValueError):  # macOS knows the limit and refuses it
        return


def receive(stream: BinaryIO) -> tuple[int, Any] | None:
    """Return a frame's size and content; None if the parent sends no more."""
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    frame = stream.read(int.from_bytes(head, "big"))
    return len(frame), pickle.loads(frame)  # noqa: S301  (of the parent)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer frames until there are no more."""
    opened = receive(requests)
    if opened is None:
        return
    file, setup, seconds, more, memory = opened[1]
    answer = runpy.run_path(file)["open_answerer"](setup)
    clock = Clock(seconds, more)
    limit_memory(memory)
    while True:
        try:
            request = receive(requests)
            if request is None:
                return
            clock.start()
            kind, content = answer(*request)
        except MemoryError:
            kind, content = b"full", b""
        except BaseException as error:  # noqa: BLE001  (among them the panics of libraries)
            message = str(error).strip()[:_LONGEST_MESSAGE] or type(error).__name__
            kind, content = b"fail", message.encode("utf-8", "surrogatepass")
        clock.stop()
        replies.write(kind + len(content).to_bytes(_LENGTH, "big") + content)
        replies.flush()


if __name__ == "__main__":
    # Whoever interrupts the parent interrupts this process as well; it ends when its parent does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
