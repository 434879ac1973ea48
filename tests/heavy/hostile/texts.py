"""Texts that patterns and tokenizers find hard."""

from __future__ import annotations

from tests.heavy.hostile.hostile_file import HostileFile

KINDS: tuple[HostileFile, ...] = ()
