"""Workbooks, and columnar files."""

from __future__ import annotations

from tests.heavy.hostile.hostile_file import HostileFile

KINDS: tuple[HostileFile, ...] = ()
