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

_ENDING = ".tmp"
# Seconds after which a temporary file can't be one that is being written.
_STALE = 24 * 3600.0


@contextmanager
def write_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    Where the block fails, or the disk is full, what stood at ``path`` stays.

    Raises:
        OutputError: The folder isn't there, or the file can't be written.
    """
    with write_together(path) as (stream,):
        yield stream


@contextmanager
def write_together(*paths: Path) -> Iterator[tuple[BinaryIO, ...]]:
    """Do the same for several files: none is replaced before all of them are on the disk.

    Raises:
        OutputError: A folder isn't there, or a file can't be written; the first path is named
            where it isn't known which.
    """
    temporaries: list[Path] = []
    at = paths[0]
    try:
        with ExitStack() as stack:
            streams = []
            for at in paths:
                streams.append(stack.enter_context(_temporary(at)))
                temporaries.append(Path(streams[-1].name))
            at = paths[0]
            yield tuple(streams)
            for at, stream in zip(paths, streams, strict=True):  # noqa: B007  (the message names it)
                _finish(stream)
        for at, temporary in zip(paths, temporaries, strict=True):
            temporary.replace(at)
    except OSError as error:
        raise OutputError(
            f"{at}: can't be written: {error.strerror or error}; nothing was changed"
        ) from error
    finally:
        for temporary in temporaries:
            with suppress(FileNotFoundError):
                temporary.unlink()
        for path in paths:
            _sweep(path)


def _sweep(path: Path) -> None:
    """Remove what a run that was killed left behind; another one may be writing now, so only what is old."""
    for left in path.parent.glob(f".{escape(path.name)}.*{_ENDING}"):
        with suppress(OSError):
            if left.stat().st_mtime < time() - _STALE:
                left.unlink()


def _temporary(path: Path) -> BinaryIO:
    # Renaming over a folder would fail, perhaps after another file was replaced.
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; nothing was changed")
    return cast(
        "BinaryIO",
        tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=_ENDING, delete=False),
    )


def _finish(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    apply_umask(Path(stream.name))


def apply_umask(path: Path) -> None:
    """Let a temporary file, which is its owner's alone, be read by whom the umask allows."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
