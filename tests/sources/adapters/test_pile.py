from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.pile import Pile
from calibset.storage.files import memory_reader

SOURCE = Pile.model_validate({"type": "pile", "group": "general", "where": "here"})
ROWS: list[dict[str, Any]] = [
    {"text": f"text {i}", "meta": {"pile_set_name": "ArXiv" if i % 2 else "Pile-CC"}} for i in range(6)
]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def read(name: str, data: bytes) -> list[Record]:
    (file,) = memory_reader({name: data}).files("*")
    return list(SOURCE.read(file))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("00.jsonl", lines(ROWS)),
        ("00.jsonl.zst", zstandard.ZstdCompressor().compress(lines(ROWS))),
        ("00.jsonl.gz", gzip.compress(lines(ROWS), mtime=0)),
    ],
)
def test_shards_give_texts_with_their_subset(name: str, data: bytes) -> None:
    assert read(name, data) == [
        Document(id=f"{name}:{i + 1}", text=row["text"], metadata={"subset": row["meta"]["pile_set_name"]})
        for i, row in enumerate(ROWS)
    ]


def test_parquet_gives_the_same_texts() -> None:
    assert read("a.parquet", parquet(ROWS)) == [
        Document(id=f"a.parquet#{i}", text=row["text"], metadata={"subset": row["meta"]["pile_set_name"]})
        for i, row in enumerate(ROWS)
    ]


def test_shards_of_several_frames_are_read_to_their_end() -> None:
    packed = b"".join(zstandard.ZstdCompressor().compress(lines([row])) for row in ROWS)
    assert [record.text for record in read("00.jsonl.zst", packed) if isinstance(record, Document)] == [
        row["text"] for row in ROWS
    ]


def test_a_text_without_a_subset() -> None:
    assert read(
        "a.jsonl", lines([{"text": "a"}, {"text": "b", "meta": None}, {"text": "c", "meta": {}}])
    ) == [
        Document(id="a.jsonl:1", text="a"),
        Document(id="a.jsonl:2", text="b"),
        Document(id="a.jsonl:3", text="c", metadata={"subset": ""}),
    ]


def test_bad_rows_are_rejected_with_position_and_reason() -> None:
    data = lines([7, {"text": None}, {"meta": {}}, {"text": ["a"]}]) + b'{"text": "cut'
    assert [(r.position, r.reason) for r in read("a.jsonl", data) if isinstance(r, Rejection)] == [
        ("a.jsonl:1", "row is no object"),
        ("a.jsonl:3", "no column 'text'"),
        ("a.jsonl:4", "column 'text' is no text"),
        ("a.jsonl:5", "not valid JSON"),
    ]


def test_a_damaged_shard_is_an_error() -> None:
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(lines(ROWS * 50)))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(
        SourceError, match=r"^00\.jsonl\.zst: damaged or cut off \(.+\); fetch the file again$"
    ):
        read("00.jsonl.zst", bytes(packed))


def test_parquet_and_shards_stand_side_by_side() -> None:
    contents = {"a.parquet": parquet(ROWS), "b.jsonl": lines(ROWS), "README.md": b"#"}
    records = list(SOURCE.read_shuffled(memory_reader(contents), seed=3))
    assert {record.id for record in records if isinstance(record, Document)} == {
        *(f"a.parquet#{i}" for i in range(6)),
        *(f"b.jsonl:{i}" for i in range(1, 7)),
    }
    assert records == list(SOURCE.read_shuffled(memory_reader(contents), seed=3))
    assert records != list(SOURCE.read_shuffled(memory_reader(contents), seed=4))
