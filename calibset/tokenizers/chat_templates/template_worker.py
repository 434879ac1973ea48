"""The program that renders a chat template in a process of its own, for `TemplateProcess`.

A template is a stranger's program: Jinja's sandbox keeps it from files, but not from running for ever or
filling the memory. A process can be ended whatever it is at. This one starts in a twentieth of a second,
because it imports Jinja and nothing of calibset.

It reads frames of pickle from its parent: first the templates by name and the limits, then the name of a
template and its variables, once for each text. It answers each with a kind, a length and a text.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import signal
import sys
from typing import Any, BinaryIO

from jinja2 import TemplateSyntaxError, ext, nodes
from jinja2.exceptions import TemplateError
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

# The bytes of a length, as `TemplateProcess` writes and reads them.
_LENGTH = 8
_LONGEST_MESSAGE = 1_000
# Templates that write today's date would give other bytes tomorrow. This is the date that Llama 3's
# own template falls back to, a Friday.
_DATE = {
    "%d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%a": "Fri", "%A": "Friday",
    "%H": "00", "%M": "00", "%S": "00",
}  # fmt: skip


class Generation(ext.Extension):
    """The block ``{% generation %}``, around what the model is trained to write."""

    tags = {"generation"}  # noqa: RUF012  (as Jinja declares it)

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a call that writes the block's body as it is."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller: Macro) -> str:
        return str(caller())


def make_environment() -> ImmutableSandboxedEnvironment:
    """Return the environment of transformers' `apply_chat_template`, on a date that stays the same."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = _write_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _write_date
    return environment


def _write_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _write_date(form: str) -> str:
    for code, value in _DATE.items():
        form = form.replace(code, value)
    return form


class _Clock:
    """Ends the process when its budget of processor time is spent, whatever it is at."""

    def __init__(self, seconds: float, more: float) -> None:
        self._left = seconds
        self._more = more  # what each text adds

    def start(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, self._left)
        else:  # a thread that needs nothing of the interpreter, by the clock on the wall
            faulthandler.dump_traceback_later(self._left, exit=True)

    def stop(self) -> None:
        if hasattr(signal, "setitimer"):
            self._left = signal.setitimer(signal.ITIMER_PROF, 0)[0] + self._more
        else:
            faulthandler.cancel_dump_traceback_later()


def _limit_memory(size: int) -> None:
    try:
        import resource
    except ImportError:  # there is no such limit on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, ValueError):  # macOS knows the limit and refuses it
        return


def _receive(stream: BinaryIO) -> tuple[int, Any] | None:
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    frame = stream.read(int.from_bytes(head, "big"))
    return len(frame), pickle.loads(frame)  # noqa: S301  (of the parent)


def _answer(stream: BinaryIO, kind: bytes, text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    stream.write(kind + len(content).to_bytes(_LENGTH, "big") + content)
    stream.flush()


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer frames until there are no more."""
    received = _receive(requests)
    if received is None:
        return
    templates, seconds, more, memory, characters, growth = received[1]
    clock = _Clock(seconds, more)
    environment = make_environment()
    _limit_memory(memory)
    compiled: dict[str, Any] = {}
    while True:
        try:
            received = _receive(requests)
            if received is None:
                return
            size, (name, variables) = received
            clock.start()
            if name not in compiled:
                compiled[name] = environment.from_string(templates[name])
            text = compiled[name].render(**variables)
            clock.stop()
            is_long = len(text) > characters + growth * size
            kind, text = (b"long", "") if is_long else (b"text", text)
        except MemoryError:
            kind, text = b"full", ""
        except TemplateSyntaxError as error:
            kind, text = b"line", f"{error.lineno} {error.message}"
        except Exception as error:  # noqa: BLE001  (a template may trip over whatever it doesn't expect)
            clock.stop()
            kind, text = b"fail", str(error).strip()[:_LONGEST_MESSAGE] or type(error).__name__
        _answer(replies, kind, text)


if __name__ == "__main__":
    # Whoever interrupts the parent interrupts this process as well; it ends when its parent does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
