"""Pages that calibset wrote, so that it may write over them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from calibset.core.errors import OutputError

WRITTEN = "Written by `calibset card`, which overwrites it when it is run again."
"""What stands in every page."""


def ensure_replaceable(paths: Iterable[Path]) -> None:
    """Make sure that no page that somebody else wrote is written over.

    Raises:
        OutputError: One is, or what stands there can't be read.
    """
    for path in paths:
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
        if WRITTEN.encode() not in found:
            raise OutputError(f"{path}: calibset did not write it, so it stays; move it, or name another")
