"""Paths in what is printed for a user to type."""

from __future__ import annotations

import shlex
from pathlib import Path

from calibset.errors import OutputError


def shell_word(path: Path) -> str:
    """Return a path as one word of a shell's line, which no program takes for an option.

    In Python code its `repr` stands, which spells out whatever it holds.

    Raises:
        OutputError: It holds a character that can't be shown, so that nobody would see what is typed.

    Examples:
        >>> shell_word(Path("my set.txt")), shell_word(Path("-f"))
        ("'my set.txt'", './-f')
    """
    text = str(path)
    if not text.isprintable():
        raise OutputError(f"{text!r} holds a character that can't be shown; rename it")
    return shlex.quote(f"./{text}" if text.startswith("-") else text)
