"""Texts that have nothing in common, and recipes of a few of them that build in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

from tests.letters import write_letters

_SYLLABLES = ("ba", "do", "fe", "gi", "ka", "lu", "mo", "ne", "pi", "ra", "su", "ty")


def prose(number: int, words: int = 40) -> str:
    """Return a text of so many made-up words, in sentences of ten.

    Args:
        number: Another one gives another text.
        words: How many.
    """
    random = Random(number)
    found = ["".join(random.choices(_SYLLABLES, k=random.randint(2, 4))) for _ in range(words)]
    sentences = (" ".join(found[start : start + 10]) for start in range(0, words, 10))
    return " ".join(f"{sentence.capitalize()}." for sentence in sentences)


def reworded(text: str) -> str:
    """Return a text with another word in the place of its third."""
    first, second, _, *rest = text.split()
    return " ".join([first, second, "otherwise", *rest])


def write_recipe(folder: Path, lines: str, **sources: Iterable[str | Mapping[str, object]]) -> Path:
    """Write a recipe of one group and its JSON Lines; return its path.

    All of each source is read: one that runs short repeats its rows.

    Args:
        folder: Where to; a tokenizer of letters is put there unless a model is.
        lines: Put before the sources.
        sources: By name, texts, or rows as they are: dialogues where they hold messages.
    """
    if not (folder / "model").exists():
        write_letters(folder)
    parts = [
        'name = "made"\nnsamples = 24\nseqlen = 128\nshortage = "repeat"\nmax_repeats = 1000\n',
        "" if "tokenizer = " in lines else 'tokenizer = "tokenizer.json"\n',
        f"{lines}\n[groups]\nall = 1.0\n",
    ]
    for name, given in sources.items():
        rows = [{"text": one} if isinstance(one, str) else dict(one) for one in given]
        kind = "chat" if any("messages" in row for row in rows) else "jsonl"
        write_rows(folder / name, rows)
        parts.append(f'[sources.{name}]\ngroup = "all"\ntype = "{kind}"\nwhere = "{name}"\n')
    path = folder / "recipe.toml"
    path.write_text("".join(parts), "utf-8")
    return path


def write_rows(folder: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as ``a.jsonl`` of a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
