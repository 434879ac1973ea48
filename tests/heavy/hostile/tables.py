"""CSV, JSON and JSON Lines that no program of good will writes."""

from __future__ import annotations

from tests.heavy.hostile.hostile_file import HostileFile

KINDS: tuple[HostileFile, ...] = ()
