"""Ontologies and markup: Turtle, RDF/XML, wikitext, dumps."""

from __future__ import annotations

from tests.heavy.hostile.hostile_file import HostileFile

KINDS: tuple[HostileFile, ...] = ()
