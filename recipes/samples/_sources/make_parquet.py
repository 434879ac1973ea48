"""Write the binary sample files from the readable ones beside this script.

Run `python make_parquet.py`; it needs pyarrow. The same pyarrow version writes the same
bytes, another one the same rows.
"""

from __future__ import annotations

import bz2
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__: list[str] = []

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent

FINEWEB2 = pa.schema(
    [
        ("text", pa.string()),
        ("id", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),
        ("file_path", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("language_script", pa.string()),
        ("minhash_cluster_size", pa.int64()),
        ("top_langs", pa.string()),
    ]
)
PILE = pa.schema([("text", pa.string()), ("meta", pa.struct([("pile_set_name", pa.string())]))])

FINEWEB2_ROW_GROUP = 6
PILE_ROW_GROUP = 8


def rows(name: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON lines file beside this script."""
    with (HERE / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(target: str, objects: list[dict[str, Any]], schema: pa.Schema, row_group: int) -> None:
    """Write rows as one parquet file in groups of at most `row_group` rows."""
    path = SAMPLES / target
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(objects, schema=schema)
    # Statistics would repeat whole texts as the minimum and maximum of their column.
    pq.write_table(table, path, compression="zstd", row_group_size=row_group, write_statistics=False)


def main() -> None:
    """Write both parquet corpora and the compressed Wikipedia file."""
    pages = rows("fineweb2-sk.jsonl")
    half = len(pages) // 2
    for number, part in enumerate((pages[:half], pages[half:])):
        write(f"fineweb2-sk/data/train-{number:05d}-of-00002.parquet", part, FINEWEB2, FINEWEB2_ROW_GROUP)
    write("pile/data/train-00000-of-00001.parquet", rows("pile.jsonl"), PILE, PILE_ROW_GROUP)

    articles = SAMPLES / "skwiki/AB/wiki_00.bz2"
    articles.parent.mkdir(parents=True, exist_ok=True)
    articles.write_bytes(bz2.compress((HERE / "skwiki-AB-wiki_00.txt").read_bytes()))


if __name__ == "__main__":
    main()
