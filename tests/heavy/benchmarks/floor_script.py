"""The floor of a build: what it takes to read the corpora and to tokenize each emitted token once.

    python floor_script.py HUB OUT.jsonl

It loads Tekken's ranks into tiktoken, reads the corpora that recipes/slovak_insurance.toml names, and
cuts the ids of each source into as many rows of 2,048 as calibset takes of it. It repairs, filters,
compares, renders and proves nothing.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import tiktoken

from tests.heavy.benchmarks.plain_script import ROWS, mixed, parquet, read_corpora

SEQLEN = 2048


def main(hub: Path, out: Path) -> None:
    engine = load_engine()
    rows: list[list[int]] = []
    texts = read_corpora(hub)
    for name, quota in ROWS.items():
        rows += take(rows_of(mixed(texts[name]), engine), quota)
    fill = mixed(parquet(hub / "NeelNanda/pile-10k/data/*.parquet"))
    rows += take(rows_of(fill, engine), sum(ROWS.values()) - len(rows))
    out.write_text("".join(json.dumps({"text": engine.decode(row)}) + "\n" for row in rows))


def load_engine() -> tiktoken.Encoding:
    package = find_spec("mistral_common")
    assert package is not None
    assert package.origin is not None
    model = json.loads((Path(package.origin).parent / "data" / "tekken_240911.json").read_bytes())
    used = model["vocab"][
        : model["config"]["default_vocab_size"] - model["config"]["default_num_special_tokens"]
    ]
    ranks = {b64decode(token["token_bytes"]): token["rank"] for token in used}
    return tiktoken.Encoding(
        "tekken", pat_str=model["config"]["pattern"], mergeable_ranks=ranks, special_tokens={}
    )


def rows_of(texts: Iterable[str], engine: tiktoken.Encoding) -> Iterator[list[int]]:
    ids: list[int] = []
    for text in texts:
        ids += engine.encode_ordinary(text + "\n\n")
        while len(ids) >= SEQLEN:
            yield ids[:SEQLEN]
            ids = ids[SEQLEN:]


def take(rows: Iterator[list[int]], count: int) -> list[list[int]]:
    return [row for row, _ in zip(rows, range(count), strict=False)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
