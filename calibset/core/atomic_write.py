"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from pathlib import Path
from time import time
from typing import BinaryIO, cast

from calibset.core.errors import OutputError

_SUFFIX = ".tmp"
# Seconds after which a temporary file can't be one that is still being written.
_STALE = 24 * 3600.0


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces ``path`` when the block succeeds.

    If the block fails or the disk is full, the old file stays.

    Raises:
        OutputError: The folder doesn't exist, or the file can't be written.
    """
    with write_together(path) as (stream,):
        yield stream


@contextmanager
def write_together(*paths: Path) -> Iterator[tuple[BinaryIO, ...]]:
    """Open a temporary file for each path; none is replaced before all of them are on the disk.

    Raises:
        OutputError: A folder doesn't exist, or a file can't be written; the message names the file at
            fault, or the first one if that isn't known.
    """
    temporaries: list[Path] = []
    current = paths[0]
    try:
        with ExitStack() as stack:
            streams = []
            for current in paths:
                streams.append(stack.enter_context(_open_temporary(current)))
                temporaries.append(Path(streams[-1].name))
            current = paths[0]
            yield tuple(streams)
            for current, stream in zip(paths, streams, strict=True):  # noqa: B007  (the message names it)
                stream.flush()
                os.fsync(stream.fileno())
                apply_umask(Path(stream.name))
        for current, temporary in zip(paths, temporaries, strict=True):
            temporary.replace(current)
    except OSError as error:
        raise OutputError(
            f"{current}: can't be written: {error.strerror or error}; nothing was changed"
        ) from error
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        for path in paths:
            remove_stale(path.parent, escape(path.name))


def apply_umask(path: Path) -> None:
    """Give a temporary file, which only its owner may read, the permissions of a usual new file."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def remove_stale(folder: Path, names: str = "*") -> None:
    """Remove temporary files that killed runs left; only old ones, as another run may be writing now.

    Args:
        folder: The folder that they are in.
        names: A pattern of the names of the files that they were to become.
    """
    for temporary in folder.glob(f".{names}.*{_SUFFIX}"):
        with suppress(OSError):
            if temporary.stat().st_mtime < time() - _STALE:
                temporary.unlink()


def _open_temporary(path: Path) -> BinaryIO:
    # Renaming over a folder would fail, perhaps after another file was replaced.
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was changed")
    return cast(
        "BinaryIO",
        tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=_SUFFIX, delete=False),
    )
