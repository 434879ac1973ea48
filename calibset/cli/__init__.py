"""The command line: the only place that prints, draws progress, exits, or catches errors."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from calibset.core.errors import CalibsetError

__all__ = ["main"]

_MODULES = {
    **dict.fromkeys(("plan", "build", "check", "lock"), "build_commands"),
    **dict.fromkeys(
        ("show", "verify", "export", "diff", "cache", "sources", "schema", "tokenizer"), "file_commands"
    ),
    **dict.fromkeys(("report", "card", "quantize-command"), "publish_commands"),
}
"""The module of each command, which is loaded when the command is called."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: The words after ``calibset``; those of the process if None.

    Returns:
        0 done, 1 failed, 2 the recipe or the command line is wrong, 130 interrupted.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except CalibsetError as error:
        from calibset.core.text import printable

        for line in str(error).split("\n"):
            print(f"calibset: {printable(line)}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("calibset: interrupted; what stood in the output before is unchanged", file=sys.stderr)  # noqa: T201
        _leave_if_others_work(130)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 0


def _run(words: Sequence[str]) -> int:
    from calibset.cli.parser import parser

    arguments = parser().parse_args(words or ["--help"])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or a pipe that knows few letters gets the others spelled out.
        sys.stdout.reconfigure(errors="backslashreplace")
    module = import_module(f"calibset.cli.{_MODULES[arguments.command]}")
    code: int = getattr(module, arguments.command.replace("-", "_"))(arguments)
    sys.stdout.flush()
    return code


def _leave_if_others_work(code: int) -> None:
    """End the process at once if threads still wait for servers; Python would wait for them at its end."""
    if any(thread.name.startswith("calibset") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(code)


def _discard_output() -> None:
    # The reader (head, less) has gone; what it did not want must not be flushed at exit.
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
