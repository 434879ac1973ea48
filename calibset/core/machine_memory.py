"""The memory that this machine has, or that it leaves to this process."""

from __future__ import annotations

import os
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def read_memory() -> int | None:
    """Return the bytes of memory of this machine, or of its container; None if the system doesn't say."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
    try:
        return min(memory, int(_CONTAINER.read_text("ascii")))
    except (OSError, ValueError):  # no container, or "max"
        return memory
