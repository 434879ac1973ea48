"""Conversations with tools: the dialects that corpora write them in."""

from __future__ import annotations
