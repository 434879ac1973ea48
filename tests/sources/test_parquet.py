from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow
import pyarrow.parquet
import pytest

from calibset.document import Document, Record, Rejection
from calibset.errors import SourceError
from calibset.sources.parquet import Parquet, rows
from calibset.storage.files import File, in_memory


def packed(table: list[dict[str, Any]] | pyarrow.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    table = pyarrow.Table.from_pylist(table) if isinstance(table, list) else table
    pyarrow.parquet.write_table(table, sink, **options)
    return sink.getvalue()


def texts(count: int, name: str = "t") -> list[dict[str, Any]]:
    return [{"text": f"{name}{i}", "n": i} for i in range(count)]


def source(**options: Any) -> Parquet:
    return Parquet.model_validate({"type": "parquet", "group": "g", "where": "here", **options})


def read(contents: dict[str, bytes], seed: int = 42, **options: Any) -> list[Record]:
    return list(source(**options).documents(in_memory(contents), seed=seed))


def by_id(records: list[Record]) -> dict[str, str]:
    return {record.id: record.text for record in records if isinstance(record, Document)}


def test_ids_count_rows_over_the_whole_file() -> None:
    data = packed(texts(10), row_group_size=3)
    assert by_id(read({"a/b.parquet": data})) == {f"a/b.parquet#{i}": f"t{i}" for i in range(10)}


def test_columns_are_joined_and_others_are_not_read() -> None:
    data = packed(
        [{"title": "Hail", "text": "Ice.", "url": "u"}, {"title": None, "text": "Rain.", "url": "u"}]
    )
    records = read({"a.parquet": data}, columns=["title", "text"])
    assert by_id(records) == {"a.parquet#0": "Hail\n\nIce.", "a.parquet#1": "Rain."}
    assert all(not record.metadata for record in records if isinstance(record, Document))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": None}, "empty text"),
        ({"text": " \n"}, "empty text"),
        ({"other": "x"}, "no column 'text'"),
        ({"text": 5}, "column 'text' is no text"),
        ({"text": ["a"]}, "column 'text' is no text"),
        ({"text": b"bytes"}, "column 'text' is no text"),
    ],
)
def test_a_row_without_text_is_rejected_with_its_place(row: dict[str, Any], reason: str) -> None:
    (record,) = read({"a.parquet": packed([row])})
    assert isinstance(record, Rejection)
    assert (record.place, record.reason) == ("a.parquet#0", reason)


def test_file_and_row_order_are_seeded() -> None:
    contents = {f"{i}.parquet": packed(texts(30), row_group_size=10) for i in range(3)}
    orders = [list(by_id(read(contents, seed))) for seed in (1, 2, 1)]
    assert orders[0] == orders[2] != orders[1]
    assert set(orders[0]) == set(orders[1])


def test_a_prefix_comes_from_all_row_groups() -> None:
    order = list(by_id(read({"a.parquet": packed(texts(100), row_group_size=10)})))
    groups = [int(name.split("#")[1]) // 10 for name in order]
    for start in range(0, 100, 10):
        assert sorted(groups[start : start + 10]) == list(range(10))
    assert groups[:10] != list(range(10))


def test_rows_of_a_row_group_are_shuffled() -> None:
    orders = [list(by_id(read({"a.parquet": packed(texts(40))}, seed))) for seed in (1, 2)]
    in_file = [f"a.parquet#{i}" for i in range(40)]
    assert in_file not in orders
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(in_file)


class Counting(io.BytesIO):
    """Bytes that count how many of them are read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def opened_file(data: bytes, streams: list[Counting]) -> File:
    def opened() -> BinaryIO:
        streams.append(Counting(data))
        return streams[-1]

    return File("a.parquet", opened)


class One:
    """A place of one file."""

    place, revision = "here", None

    def __init__(self, file: File) -> None:
        self.file = file

    def files(self, *patterns: str) -> tuple[File, ...]:
        return (self.file,)


def wide(count: int) -> list[dict[str, Any]]:
    return [{"text": f"{i} " + bytes((i * j) % 251 for j in range(1, 2000)).hex()} for i in range(count)]


def test_a_part_of_a_file_costs_a_part_of_it() -> None:
    data = packed(
        wide(640), row_group_size=10, compression="none", use_dictionary=False, write_statistics=False
    )
    streams: list[Counting] = []
    stream = source().documents(One(opened_file(data, streams)), seed=1)  # type: ignore[arg-type]
    assert streams == []
    for _ in range(5):
        next(stream)
    assert 0 < streams[0].taken < 0.2 * len(data)


def test_other_columns_cost_nothing() -> None:
    table = [{"text": f"t{i}", "vector": bytes((i * j) % 251 for j in range(3000))} for i in range(200)]
    data = packed(table, compression="none", use_dictionary=False, row_group_size=50)
    streams: list[Counting] = []
    assert len(list(source().documents(One(opened_file(data, streams)), seed=1))) == 200  # type: ignore[arg-type]
    assert streams[0].taken < 0.2 * len(data)
    assert streams[0].closed


def test_a_stream_that_is_left_closes_its_file() -> None:
    streams: list[Counting] = []
    stream: Iterator[Record] = source().documents(One(opened_file(packed(texts(9)), streams)), seed=1)  # type: ignore[arg-type]
    next(stream)
    assert not streams[0].closed
    stream.close()  # type: ignore[attr-defined]
    del stream
    assert streams[0].closed


def test_an_empty_table_gives_nothing() -> None:
    schema = pyarrow.schema([("text", pyarrow.string())])
    assert read({"a.parquet": packed(pyarrow.Table.from_pylist([], schema))}) == []


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"no parquet at all", packed(texts(5))[:-9], packed(texts(5))[9:]]
)
def test_a_damaged_file_is_an_error(data: bytes) -> None:
    with pytest.raises(
        SourceError, match=r"^a\.parquet: can't be read as parquet \(.+\); fetch the file again$"
    ):
        read({"a.parquet": data})


def test_text_that_is_no_utf_8_is_an_error() -> None:
    ends = pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0")
    broken = pyarrow.StringArray.from_buffers(2, ends, pyarrow.py_buffer(b"ok\xff\xfe"))
    with pytest.raises(SourceError, match=r"can't be read as parquet \('utf-8' codec can't decode"):
        read({"a.parquet": packed(pyarrow.table({"text": broken}))})


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["data/sk/train-0.parquet", "data/sk/test-0.parquet", "data/cs/train-0.parquet"]),
        ({"split": "train"}, ["data/sk/train-0.parquet", "data/cs/train-0.parquet"]),
        ({"config": "sk"}, ["data/sk/train-0.parquet", "data/sk/test-0.parquet"]),
        ({"config": "sk", "split": "test"}, ["data/sk/test-0.parquet"]),
        ({"files": "data/cs/*"}, ["data/cs/train-0.parquet"]),
    ],
)
def test_configuration_and_split_choose_files(options: dict[str, str], found: list[str]) -> None:
    contents = {f"data/{name}-0.parquet": b"" for name in ("sk/train", "sk/test", "cs/train")}
    chosen = source(**options).select(in_memory({**contents, "README.md": b""}))
    assert sorted(file.name for file in chosen) == sorted(found)


def test_rows_are_numbered_over_row_groups() -> None:
    (file,) = in_memory({"a.parquet": packed(texts(5), row_group_size=2)}).files("*")
    assert list(rows(file, ("n", "missing"))) == [(i, {"n": i}) for i in range(5)]
