"""A prefix is a fair sample, also where the records change from the beginning of a corpus to its end.

Each corpus holds rows 0 to 3,999, in order, the last with five times the text of the first. A
sample's mean row number, and its share of the longest quarter of the rows, then tell whether some
place or length is favoured. Rows of one block or row group come together, so the standard error is
taken over seeds.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from itertools import islice
from math import sqrt
from statistics import fmean, stdev

import pyarrow
import pyarrow.parquet
import pytest

from calibset.core.documents import Document, Record
from calibset.core.seeding import shuffled
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.adapters.parquet import Parquet
from calibset.sources.adapters.text import Text
from calibset.sources.adapters.wikipedia import Wikipedia
from calibset.sources.base import Source
from calibset.sources.sampling import files as sampling
from calibset.sources.sampling import line_blocks
from calibset.sources.sampling.interleave import Part
from calibset.storage.files import File, memory_reader

ROWS = 4_000
PREFIX = 100
SEEDS = 50

Corpus = tuple[Source, Mapping[str, bytes]]


def texts(first: int = 0, last: int = ROWS) -> list[str]:
    return [f"{row} {'x' * (25 + 120 * row // ROWS)}" for row in range(first, last)]


def cut(parts: int) -> list[list[str]]:
    """Return the rows in so many parts of about equal length, as files and row groups often are."""
    total = sum(map(len, texts()))
    found: list[list[str]] = [[] for _ in range(parts)]
    length = 0
    for text in texts():
        found[parts * length // total].append(text)
        length += len(text)
    return found


def json_lines(rows: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in rows).encode()


def jsonl(files: int) -> Corpus:
    contents = {f"{i}.jsonl": json_lines(rows) for i, rows in enumerate(cut(files))}
    return Jsonl(group="g", where=("x",)), contents


def separated(separator: str) -> Corpus:
    text = f"\n{separator}\n".join(texts())
    return Text(group="g", where=("x",), separator=separator), {"a.txt": text.encode()}


def extracted() -> Corpus:
    pages = (f'<doc id="{text.split()[0]}" url="" title="">\n{text}\nlast line\n</doc>\n' for text in texts())
    return Wikipedia(group="g", where=("x",)), {"AA/wiki_00": "".join(pages).encode()}


def parquet(shards: int, groups: int) -> Corpus:
    contents = {}
    schema = pyarrow.schema([("text", pyarrow.string())])
    rows = iter(cut(shards * groups))
    for shard in range(shards):
        sink = io.BytesIO()
        with pyarrow.parquet.ParquetWriter(sink, schema, compression="none") as writer:
            for group in islice(rows, groups):
                writer.write_table(pyarrow.table({"text": group}))
        contents[f"{shard}.parquet"] = sink.getvalue()
    return Parquet(group="g", where=("x",)), contents


CORPORA: dict[str, Callable[[], Corpus]] = {
    "one large file of JSON lines": lambda: jsonl(1),
    "several large files of JSON lines": lambda: jsonl(7),
    "text with a separator": lambda: separated("---"),
    "text with blank lines": lambda: separated(""),
    "WikiExtractor": extracted,
    "a shard of many row groups": lambda: parquet(1, 200),
    "many shards": lambda: parquet(80, 1),
    "small files": lambda: jsonl(200),
    "small files that can not be held": lambda: jsonl(3),
}


def row(record: Record) -> int:
    assert isinstance(record, Document)
    return int(record.text.split()[0])


def excess(corpus: Corpus) -> tuple[float, float]:
    """Return by how many standard errors row number and share of long rows are too high."""
    source, contents = corpus
    reader = memory_reader(dict(contents))
    prefixes = [
        [row(record) for record in islice(source.read_shuffled(reader, seed=seed), PREFIX)]
        for seed in range(SEEDS)
    ]
    means = [fmean(rows) for rows in prefixes]
    shares = [fmean(number >= 0.75 * ROWS for number in rows) for rows in prefixes]
    return _errors(means, (ROWS - 1) / 2), _errors(shares, 0.25)


def _errors(found: list[float], true: float) -> float:
    return (fmean(found) - true) * sqrt(len(found)) / stdev(found)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Fewer blocks, of a few rows; and small files are large, but for those that shall be loaded."""
    name = getattr(getattr(request.node, "callspec", None), "params", {}).get("name", "")
    monkeypatch.setattr(line_blocks, "BLOCK_SIZE", 400)
    monkeypatch.setattr(sampling, "MAX_OPEN_BLOCKS", 64)
    monkeypatch.setattr(sampling, "map_concurrently", lambda call, items: list(map(call, items)))
    monkeypatch.setattr(sampling, "_LARGE", 0 if not name.startswith("small files") else 10**9)
    if name == "small files that can not be held":
        monkeypatch.setattr(sampling, "LOADED_BYTES", 400_000)  # of 2 million with what is around each record


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.slow
def test_a_prefix_favours_no_position_and_no_length(name: str) -> None:
    position, length = excess(CORPORA[name]())
    assert abs(position) < 3
    assert abs(length) < 3


def test_blocks_that_give_alike_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(self: sampling.FileSampler, file: File, budget: int, *, packs: bool) -> Part[Record]:
        return Part(1, iter(shuffled(self.source.read(file), self.seed, file.name)))

    monkeypatch.setattr(sampling.FileSampler, "_load_file", alike)
    position, length = excess(jsonl(1))
    assert position > 6
    assert length > 6
