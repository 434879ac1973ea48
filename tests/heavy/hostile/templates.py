"""Chat templates that never end or fill the memory."""

from __future__ import annotations

from tests.heavy.hostile.hostile_file import HostileFile

KINDS: tuple[HostileFile, ...] = ()
