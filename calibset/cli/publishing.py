"""What the commands do that show a calibration file to others."""

from __future__ import annotations

from argparse import Namespace

from calibset.cli.console import say

__all__ = ["report"]


def report(arguments: Namespace) -> int:
    """Write a page about a calibration file."""
    from calibset.report import write_report

    written = write_report(arguments.file, arguments.out, tokenizer=arguments.tokenizer)
    if not arguments.quiet:
        say(f"wrote {written}")
    return 0
