from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.cli.console import print_line


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_lines_folded_between_words_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COLUMNS", "20"), ("TERM", "xterm"), ("NO_COLOR", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_line("note: four words of text")
    assert sys.stdout.getvalue() == "\x1b[33mnote: \x1b[0mfour words of \ntext\n"  # type: ignore[attr-defined]
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_line("wrote a/path/that/is/long/to/copy.jsonl")
    assert sys.stdout.getvalue() == "wrote a/path/that/is/long/to/copy.jsonl\n"  # type: ignore[attr-defined]
