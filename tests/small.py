"""A recipe with four small corpora, written to a folder, that builds in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.letters import write_letters

RECIPE = """\
name = "small"
nsamples = 20
seqlen = 64
tokenizer = "tokenizer.json"
fill = "general"

[groups]
sea = 0.6
land = 0.4

[sources.fish]
group = "sea"
weight = 2
type = "jsonl"
where = "fish"
licence = "CC0-1.0"

[sources.ships]
group = "sea"
type = "jsonl"
where = "ships"

[sources.trees]
group = "land"
type = "jsonl"
where = "trees"

[sources.rest]
group = "general"
type = "jsonl"
where = "rest"
"""

_PLENTY = 30


def corpus(word: str, documents: int) -> bytes:
    """Return JSON Lines of so many documents, each of a row of 64 letters and some."""
    texts = (
        f"{word} {number}. Once upon a time there was one more of the kind; it lived {number * 7} years."
        for number in range(documents)
    )
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def write_small(folder: Path, documents: Mapping[str, int] | None = None) -> Path:
    """Write the recipe, its tokenizer and its corpora; return the recipe's path.

    Args:
        folder: Where to.
        documents: How many each corpus has; 30 if it isn't named.
    """
    write_letters(folder)
    for word in ("fish", "ships", "trees", "rest"):
        (folder / word).mkdir()
        (folder / word / "a.jsonl").write_bytes(corpus(word, (documents or {}).get(word, _PLENTY)))
    path = folder / "recipe.toml"
    path.write_text(RECIPE, "utf-8")
    return path
