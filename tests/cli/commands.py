"""Commands that tests call."""

from __future__ import annotations

import pytest

from calibset.cli import main

HUB = "--set=sources.fish.where=hf://datasets/them/fish"
"""Reads fish from the hub."""

URL = "--set=sources.fish.where=https://example.org/fish.jsonl"
"""Reads fish from a server."""


def error_line(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the line that a failing command prints."""
    assert main(words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("calibset: ")
    assert err.count("\n") == 1
    return err.removeprefix("calibset: ").removesuffix("\n")
