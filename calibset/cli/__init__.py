"""The command line: the only place that prints, draws progress, exits, or catches errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from calibset.errors import CalibsetError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: The words after ``calibset``; those of the process if None.

    Returns:
        0 done, 1 failed, 2 the recipe or the command line is wrong, 130 interrupted.
    """
    from calibset.cli.arguments import parser

    arguments = parser().parse_args(argv)
    from calibset.cli import commands

    try:
        code: int = getattr(commands, arguments.command.replace("-", "_"))(arguments)
        sys.stdout.flush()
    except CalibsetError as error:
        for line in str(error).splitlines():
            print(f"calibset: {line}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("calibset: interrupted; what stood in the output before is unchanged", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; what it did not want must not be flushed at exit.
        sys.stdout = None
        return 0
    return code
