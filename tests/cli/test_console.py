from __future__ import annotations

from pathlib import Path

import pytest

from calibset.cli import main


def test_no_table_or_message_does_either(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "b\x1b[2J\u202e.jsonl"
    Path("fish", name).write_text("{oops\n")
    assert main(["check", recipe]) == 0
    out, err = capsys.readouterr()
    assert r"b\x1b[2J\u202e.jsonl:1" in out
    assert main(["build", recipe, "-q", "--set", 'sources.fish.files="*.x"']) == 1
    err += capsys.readouterr().err
    assert r"it holds a.jsonl, b\x1b[2J\u202e.jsonl: name" in err
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
