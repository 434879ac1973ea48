"""Which symbolic links of a folder are followed: those that stay in it, and those of the hub's own cache."""

from __future__ import annotations

import os
import re
from pathlib import Path

CACHED_REPO = re.compile("(?:datasets|models|spaces)--.+")
"""The names of repositories in the cache of `huggingface_hub`: their snapshots are links to their blobs."""

SNAPSHOTS = "snapshots"
"""The name of the folder of a cached repository that holds its snapshots."""


def find_roots(folder: Path) -> tuple[Path, ...]:
    """Return the folders that links inside a folder may lead to: itself and, of a snapshot, its blobs."""
    root = folder.resolve()
    # Not resolved any further: the folder of blobs must not be a link itself.
    blobs = [
        parent.parent / "blobs"
        for parent in (root, *root.parents)
        if parent.name == SNAPSHOTS and CACHED_REPO.fullmatch(parent.parent.name)
    ]
    return (root, *blobs[:1])


def leads_out(path: Path, roots: tuple[Path, ...]) -> bool:
    """Return whether a path leads, over whichever links, to somewhere outside all of the folders."""
    target = Path(os.path.realpath(path))
    return not any(target.is_relative_to(root) for root in roots)
