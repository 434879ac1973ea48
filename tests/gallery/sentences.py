"""Sentences in several languages, of which each number gives others, for corpora in place of large ones."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

# Of each language the four parts of a sentence.
_PHRASES: dict[str, list[list[str]]] = json.loads(Path(__file__).with_name("phrases.json").read_text("utf-8"))
_STOPS = {"zh": "。", "hi": "।"}
_ENDLESS = 1_000


def tell(language: str, number: int, sentences: int) -> str:
    """Return a text of so many sentences, in paragraphs of five.

    Args:
        language: Its code.
        number: Another one gives another text.
        sentences: How many.
    """
    random = Random(f"{language} {number}")
    gap, stop = ("", "。") if language == "zh" else (" ", f"{_STOPS.get(language, '.')} ")
    said = [
        gap.join([*map(random.choice, _PHRASES[language]), str(random.randrange(_ENDLESS))]) + stop
        for _ in range(sentences)
    ]
    return "\n\n".join("".join(said[start : start + 5]).strip() for start in range(0, sentences, 5))
