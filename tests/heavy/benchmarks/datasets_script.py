"""The build that people write with `datasets`: map, filter and group.

    python datasets_script.py HUB OUT.jsonl

It reads the corpora that recipes/slovak_insurance.toml names, filters short, repeated and uncertain texts,
tokenizes each text with Tekken, joins the ids and cuts them into rows of 2,048, takes as many rows of each
source as calibset does, and writes the texts of the rows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datasets
import tiktoken

from tests.heavy.benchmarks.floor_script import SEQLEN, load_engine
from tests.heavy.benchmarks.plain_script import ROWS, parquet, read_corpora

LEAST_WORDS = 20


def main(hub: Path, out: Path) -> None:
    datasets.disable_caching()
    datasets.disable_progress_bars()
    engine = load_engine()
    texts = read_corpora(hub)
    parts = [rows_of(texts[name], engine, quota) for name, quota in ROWS.items()]
    missing = sum(ROWS.values()) - sum(map(len, parts))
    parts.append(rows_of(parquet(hub / "NeelNanda/pile-10k/data/*.parquet"), engine, missing))
    rows = datasets.concatenate_datasets(parts).shuffle(seed=42)
    rows = rows.map(lambda row: {"text": engine.decode(row["input_ids"])}, remove_columns="input_ids")
    rows.to_json(out)


def rows_of(texts: list[str], engine: tiktoken.Encoding, quota: int) -> datasets.Dataset:
    """Return as many rows of ids of these texts, if there are."""
    met: set[str] = set()

    def is_new(row: dict[str, Any]) -> bool:
        known = row["text"] in met
        met.add(row["text"])
        return not known and len(row["text"].split()) >= LEAST_WORDS

    def tokenize(batch: dict[str, list[str]]) -> dict[str, Any]:
        return {"input_ids": engine.encode_ordinary_batch([f"{text}\n\n" for text in batch["text"]])}

    def group(batch: dict[str, list[list[int]]]) -> dict[str, Any]:
        ids = [token for own in batch["input_ids"] for token in own]
        return {"input_ids": [ids[at : at + SEQLEN] for at in range(0, len(ids) - SEQLEN + 1, SEQLEN)]}

    # The functions hold tiktoken's object, from which no name of a cache can be computed.
    named = {"new_fingerprint": "made"}
    given = datasets.Dataset.from_dict({"text": texts}).shuffle(seed=42)
    ids = given.filter(is_new, **named).map(tokenize, batched=True, remove_columns="text", **named)
    rows = ids.map(group, batched=True, **named)
    return rows.select(range(min(quota, len(rows))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
