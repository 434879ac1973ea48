"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from calibset.errors import OutputError

__all__ = ["replaced"]


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    Where the block fails, or the disk is full, what stood at ``path`` stays.

    Raises:
        OutputError: The folder isn't there, or the file can't be written.
    """
    temporary: str | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
        ) as stream:
            temporary = stream.name
            yield stream  # type: ignore[misc]
            stream.flush()
            os.fsync(stream.fileno())
        _give_usual_permissions(temporary)
        Path(temporary).replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: can't be written: {error.strerror or error}; nothing was changed"
        ) from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()


def _give_usual_permissions(path: str) -> None:
    # A temporary file is its owner's alone; a result gets what the umask allows.
    umask = os.umask(0)
    os.umask(umask)
    Path(path).chmod(0o666 & ~umask)
