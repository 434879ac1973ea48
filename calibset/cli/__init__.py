"""The command line: the only place that prints, draws progress, exits, or catches errors."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from calibset.core.errors import CalibsetError, RecipeError

__all__ = ["main"]

_MODULES = {
    "init": "init_command",
    "plan": "build_commands",
    "build": "build_commands",
    "check": "build_commands",
    "score": "score_command",
    "lock": "build_commands",
    "repack": "build_commands",
    "show": "file_commands",
    "verify": "file_commands",
    "export": "file_commands",
    "diff": "file_commands",
    "report": "publish_commands",
    "card": "publish_commands",
    "quantize-command": "publish_commands",
    "evaluate": "evaluate_command",
    "compare": "compare_command",
    "serve-config": "serve_command",
    "cache": "resource_commands",
    "tokenizer": "resource_commands",
    "recipes": "gallery_commands",
    "sources": "resource_commands",
    "schema": "resource_commands",
    "completion": "resource_commands",
}
"""The module of each command, imported when the command is called; its function has the command's name."""

# Objects that are made between two searches for garbage. Most of what a command makes is used to its end, and
# Python's own 700 let it look through that hundreds of times.
_MADE_BETWEEN_SEARCHES = 50_000
_MOST_FAULTS = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: The words after ``calibset``; those of the process if None.

    Returns:
        0 done, 1 failed, 2 the recipe or the command line has faults, 130 interrupted.
    """
    if argv is None:
        _put_off_garbage()
    try:
        return _run_command(sys.argv[1:] if argv is None else argv)
    except CalibsetError as error:
        from calibset.cli.console import print_error
        from calibset.core.short_forms import count

        faults = error.faults if isinstance(error, RecipeError) else (str(error),)
        for fault in faults[:_MOST_FAULTS]:
            print_error(fault)
        if len(faults) > _MOST_FAULTS:
            print_error(f"and {count(len(faults) - _MOST_FAULTS, 'more fault')}")
        return error.exit_code
    except KeyboardInterrupt:
        print("calibset: interrupted; what stood in the output before is unchanged", file=sys.stderr)  # noqa: T201
        _exit_if_threads_run(130)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 0


def _put_off_garbage() -> None:
    """Let Python search this process for garbage seldom, and not at its end, when all of it goes anyway."""
    gc.set_threshold(_MADE_BETWEEN_SEARCHES)
    atexit.register(gc.freeze)


def _run_command(words: Sequence[str]) -> int:
    from calibset.cli.parser import create_parser

    arguments = create_parser().parse_args(words or ["--help"])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Letters that a terminal's or a pipe's encoding lacks are spelled out.
        sys.stdout.reconfigure(errors="backslashreplace")
    module = import_module(f"calibset.cli.{_MODULES[arguments.command]}")
    code: int = getattr(module, arguments.command.replace("-", "_"))(arguments)
    sys.stdout.flush()
    return code


def _exit_if_threads_run(code: int) -> None:
    """End the process at once if threads wait for servers that Python would wait for in turn."""
    if any(thread.name.startswith("calibset") and not thread.daemon for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(code)


def _discard_output() -> None:
    # The reader (head, less) has gone; what is left must not be flushed to it at exit.
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
