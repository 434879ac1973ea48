"""A corpus of made-up documents of any number, some of which repeat others."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

_FILES = 4
_PROSE = [
    "Poistná",
    "zmluva",
    "sa",
    "uzatvára",
    "písomne",
    "ak",
    "sa",
    "strany",
    "nedohodli",
    "inak",
    "a",
    "poisťovňa",
    "vyplatí",
    "plnenie",
    "do",
    "pätnástich",
    "dní",
    "odo",
    "dňa",
    "skončenia",
    "šetrenia",
    "škody",
    "na",
    "dome",
    "aute",
    "alebo",
    "na",
    "zdraví",
    "poisteného",
]


def make_text(number: int) -> str:
    """Return a document; of fifty one repeats another, and one nearly."""
    if number % 50 == 49:
        return make_text(number - 7)
    if number % 50 == 48:
        return f"{make_text(number - 11)} Koniec."
    draw = random.Random(number)
    sentences = (
        " ".join(
            draw.choice(_PROSE)
            if draw.random() < 0.6
            else f"{draw.choice('bdklmnprst')}{draw.choice('aeiou')}{draw.randrange(3_000)}"
            for _ in range(draw.randint(6, 14))
        ).capitalize()
        for _ in range(draw.randint(2, 4))
    )
    return ". ".join(sentences) + "."


def write_lines(folder: Path, documents: int) -> None:
    """Write the documents as four files of JSON Lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(_split(documents)):
        with (folder / f"part-{number}.jsonl").open("w", encoding="utf-8") as stream:
            for index in part:
                stream.write(json.dumps({"text": make_text(index)}, ensure_ascii=False) + "\n")


def _split(documents: int) -> Iterator[range]:
    size = -(-documents // _FILES)
    yield from (range(start, min(start + size, documents)) for start in range(0, documents, size))
