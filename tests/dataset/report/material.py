"""A build that has something of everything that a report tells."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from random import Random

from calibset.dataset.calibration_set import CalibrationSet
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.letters import write_letters

_RECIPE = """\
name = "material"
description = "Prose of two languages."
nsamples = 24
seqlen = 256
tokenizer = "tokenizer.json"
control_tokens = "keep"
fill = "rest"
groups = { slovak = 0.5, english = 0.5 }
selection = { method = "coverage", pool = 2, letters = "áčž" }
holdout = { nsamples = 4 }

[sources."slovak.web"]
group = "slovak"
type = "jsonl"
where = "slovak.jsonl"
licence = "CC0-1.0"
hygiene = { pii = "mask" }

[sources.english]
group = "english"
type = "jsonl"
where = "english.jsonl"
licence = "MIT"

[sources.scarce]
group = "english"
type = "jsonl"
where = "scarce.jsonl"

[sources.rest]
group = "rest"
type = "jsonl"
where = "rest.jsonl"
licence = "CC0-1.0"

[[exclude]]
name = "exam"
type = "jsonl"
where = "exam.jsonl"
licence = "MIT"
"""

_SLOVAK = """
poistná zmluva sa uzatvára na dobu neurčitú ak strany nedohodli inak poisťovňa vyplatí plnenie do
pätnástich dní škoda vznikla na streche domu počas búrky ktorá zasiahla celé údolie Váhu večer
klient oznámil udalosť telefonicky obec leží v severnej časti kraja pod horami kde žije asi tisíc
obyvateľov kostol pochádza zo štrnásteho storočia študenti navštívili múzeum a potom písali dlhé
správy o živote ľudí v minulosti aj dnes rieka tečie pomaly
"""

_ENGLISH = """
the policy covers loss or damage to the buildings caused by storm flood fire or theft unless
excluded below we will pay the cost of repairs within thirty days after the survey has been
completed and agreed between both parties students visited an old museum near the river where they
wrote long reports about people who lived there before many birds return every spring while farmers
prepare their fields for another year of wheat barley and oats
"""


def prose(words: str, count: int, seed: int) -> list[str]:
    """Return so many texts of these words, none like another."""
    order, known = Random(seed), words.split()
    texts = []
    for number in range(count):
        drawn = [order.choice(known) for _ in range(70)]
        sentences = (" ".join(drawn[i : i + 10]).capitalize() + "." for i in range(0, len(drawn), 10))
        texts.append(f"{number} " + " ".join(sentences))
    return texts


def build_material(folder: Path) -> CalibrationSet:
    """Write a recipe and its corpora to a folder, and build them."""
    write_letters(folder)
    slovak, english = prose(_SLOVAK, 40, 1), prose(_ENGLISH, 40, 2)
    (exam,) = prose(_ENGLISH, 1, 3)
    slovak = [
        text + " Píšte na adresu jana.novakova@poistovna.sk." if i % 3 else text
        for i, text in enumerate(slovak)
    ]
    slovak += [text.upper() for text in slovak[::2]] + [None] * 10
    english = [f"{text} </s> {other}" for text, other in itertools.pairwise(english)]
    english += [f"{exam} {text}" for text in english[::3]] + [text + " Indeed." for text in english[::2]]
    corpora = {
        "slovak": slovak,
        "english": english,
        "scarce": prose(_ENGLISH, 3, 4),
        "rest": prose(_SLOVAK, 40, 5) + ["short"] * 20,
        "exam": [exam],
    }
    for name, texts in corpora.items():
        lines = (json.dumps({} if text is None else {"text": text}) + "\n" for text in texts)
        (folder / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    (folder / "recipe.toml").write_text(_RECIPE, "utf-8")
    return build(load_recipe(folder / "recipe.toml"))
