"""A chat template rendered in a process that is ended when it takes too much time, memory or room."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple, cast

from calibset.core.errors import TokenizerError

# A published template takes about a millisecond for a conversation.
_SECONDS = 5.0
_SECONDS_EACH = 0.05
# Jinja takes 20 MB; a conversation of ten million letters and its copies some hundred.
_MEMORY = 512 * 2**20
# What published templates say of their own has some thousand letters, and they write what they are given once
# or twice, as JSON with its escapes and indents at most.
_CHARACTERS = 2**16
_GROWTH = 50

# As the worker writes its answers: a kind, and the length of a text in bytes.
_KIND = 4
_LENGTH = 8
# How the worker ends when its time is spent: by a signal where there is one, or else by its own watch.
_OUT_OF_TIME = (-getattr(signal, "SIGPROF", 0), 1)
_FAULTS: Mapping[bytes, str] = MappingProxyType({
    b"slow": f"takes over {_SECONDS:g} s more than the {_SECONDS_EACH:g} s that it has for each conversation",
    b"full": f"takes over {_MEMORY // 2**20} MiB of memory",
    b"long": f"writes over {_CHARACTERS:,} characters more than {_GROWTH} times what it is given",
    b"dead": "makes the process end in which it is rendered",
})  # fmt: skip
_REMEDY = "use the one that the model was published with, or name a format in [chat]"
# Isolated, so that nothing in the working directory or the environment is imported in place of Jinja.
_START = "import runpy, sys; sys.path[:] = sys.argv[2:]; runpy.run_path(sys.argv[1], run_name='__main__')"


class TemplateRefusalError(Exception):
    """A template raised an exception; its message is that of the exception."""


class InvalidTemplateError(Exception):
    """A text is no template.

    Attributes:
        line: The line of the fault, counted from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class TemplateProcess:
    """Renders templates in a process of its own, which starts when it is first needed.

    It ends with this object.
    """

    def __init__(self, templates: Mapping[str, str], place: str) -> None:
        """Keep the templates.

        Args:
            templates: The templates by name.
            place: The file that they are from, for messages.
        """
        self._templates = dict(templates)
        self._place = place
        self._worker: _Worker | None = None
        self._fault = ""
        self._lock = threading.Lock()

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Return what a template writes.

        Args:
            name: The template's name.
            variables: What it is given: texts, numbers, and lists and tables of these.

        Raises:
            TemplateRefusalError: The template raised an exception.
            InvalidTemplateError: It is no template.
            TokenizerError: It took too much time or memory, or wrote too much, for this text or one before.
        """
        with self._lock:
            if self._fault:
                raise TokenizerError(self._fault)
            kind, text = self._ask(name, variables)
            if kind in _FAULTS:
                self._end()
                self._fault = f"{self._place}: the chat template {_FAULTS[kind]}; {_REMEDY}"
                raise TokenizerError(self._fault)
        if kind == b"fail":
            raise TemplateRefusalError(text)
        if kind == b"line":
            line, _, message = text.partition(" ")
            raise InvalidTemplateError(int(line), message)
        return text

    def _ask(self, name: str, variables: Mapping[str, Any]) -> tuple[bytes, str]:
        worker = self._worker or self._start()
        try:
            worker.send((name, variables))
            return worker.receive()
        except BaseException:  # such as an interruption, after which the answer would stay unread
            self._end()
            raise

    def _start(self) -> _Worker:
        file = str(Path(__file__).with_name("template_worker.py"))
        command = [sys.executable, "-I", "-S", "-c", _START, file, *sys.path]
        try:
            process = subprocess.Popen(  # noqa: S603  (our own program)
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise TokenizerError(
                f"{self._place}: no process can be started to render the chat template: {error.strerror}"
            ) from error
        self._ended = weakref.finalize(self, _end, process)
        pipes = cast("tuple[IO[bytes], IO[bytes]]", (process.stdin, process.stdout))
        self._worker = _Worker(process, *pipes)
        self._worker.send((self._templates, _SECONDS, _SECONDS_EACH, _MEMORY, _CHARACTERS, _GROWTH))
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._ended()
            self._worker = None


class _Worker(NamedTuple):
    """A process that runs ``template_worker.py``, and the pipes to it and from it."""

    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]

    def send(self, content: Any) -> None:
        frame = pickle.dumps(content)
        with suppress(BrokenPipeError):  # it has ended, which its answer will show
            self.requests.write(len(frame).to_bytes(_LENGTH, "big") + frame)
            self.requests.flush()

    def receive(self) -> tuple[bytes, str]:
        head = self.answers.read(_KIND + _LENGTH)
        if len(head) < _KIND + _LENGTH:
            return (b"slow" if self.process.wait() in _OUT_OF_TIME else b"dead"), ""
        content = self.answers.read(int.from_bytes(head[_KIND:], "big"))
        return head[:_KIND], content.decode("utf-8", "surrogatepass")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # something was not yet sent
            cast("IO[bytes]", pipe).close()
