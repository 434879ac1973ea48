"""The script that people write without calibset: texts joined to 7,000 characters.

    python plain_script.py HUB OUT.jsonl

It reads the same corpora as recipes/slovak_insurance.toml, gives each source the same number
of rows, and hopes that 7,000 characters are 2,048 tokens.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars

CHARACTERS = 7_000
ROWS = {
    "fineweb": 137, "skwiki": 68, "definitions": 62, "ontology": 31, "bitext": 61,
    "hermes": 51, "toolace": 51, "when2call": 51,
}  # fmt: skip


def main(hub: Path, out: Path) -> None:
    texts = read_corpora(hub)
    fill = parquet(hub / "NeelNanda/pile-10k/data/*.parquet")
    rows = []
    for name, quota in ROWS.items():
        rows += list(joined(mixed(texts[name])))[:quota]
    rows += list(joined(mixed(fill)))[: sum(ROWS.values()) - len(rows)]
    out.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))


def read_corpora(hub: Path) -> dict[str, list[str]]:
    """Return the texts of each source but the one that fills up."""
    return {
        "fineweb": polars.read_parquet(hub / "ivykopal/fineweb2-slovak/data/train-*.parquet")[
            "text"
        ].to_list(),
        "skwiki": list(wiki(hub / "skwiki-extracted")),
        "definitions": list(definitions(hub / "codexstanford/insurance-contract-definitions/data.json")),
        "ontology": comments(hub / "Actuarial-Notes/Actuarial-Ontology/actuarial-ontology.ttl"),
        "bitext": list(bitext(next((hub / "bitext").rglob("*.csv")))),
        "hermes": list(turns(sorted((hub / "NousResearch").rglob("*.json")), "conversations", "value")),
        "toolace": list(turns([hub / "Team-ACE/ToolACE/data.json"], "conversations", "value")),
        "when2call": list(turns(sorted((hub / "nvidia").rglob("*train_*.jsonl")), "messages", "content")),
    }


def mixed(texts: list[str]) -> list[str]:
    random.Random(42).shuffle(texts)
    return texts


def joined(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts joined to 7,000 characters and cut there."""
    row = ""
    for text in texts:
        row += text + "\n\n"
        if len(row) >= CHARACTERS:
            yield row[:CHARACTERS]
            row = ""


def parquet(files: Path) -> list[str]:
    return polars.read_parquet(files)["text"].to_list()


def wiki(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*/wiki_??")):
        yield from re.findall(r"<doc [^\n]*>\n(.*?)</doc>", file.read_text("utf-8"), re.DOTALL)


def definitions(file: Path) -> Iterator[str]:
    for term, word in json.loads(file.read_text("utf-8"))["WORDS"].items():
        for definition in word["defs"]:
            yield f"{term}: {definition}"


def comments(file: Path) -> list[str]:
    return re.findall(r'rdfs:comment "(.*?)"', file.read_text("utf-8"))


def bitext(file: Path) -> Iterator[str]:
    with file.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield f"{row['instruction']}\n{row['response']}"


def turns(files: list[Path], key: str, value: str) -> Iterator[str]:
    for file in files:
        text = file.read_text("utf-8")
        rows = json.loads(text) if file.suffix == ".json" else map(json.loads, text.splitlines())
        for row in rows:
            yield "\n".join([row.get("system", ""), *(turn[value] for turn in row[key])])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
