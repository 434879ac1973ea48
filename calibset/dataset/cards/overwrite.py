"""The check that calibset overwrites only cards that it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from calibset.core.errors import OutputError

WRITTEN = "Written by `calibset card`, which overwrites it when it is run again."
"""The line in every card that says that calibset wrote it."""


def ensure_replaceable(paths: Iterable[Path]) -> None:
    """Make sure that no file is overwritten that calibset did not write.

    Raises:
        OutputError: Such a file would be overwritten, or a file can't be read.
    """
    for path in paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
        if WRITTEN.encode() not in content:
            raise OutputError(f"{path}: calibset did not write this file, so it stays; move or rename it")
