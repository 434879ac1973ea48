from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.parquet import Parquet
from calibset.sources.sampling import row_groups as reading
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.byte_ranges import merge_ranges
from calibset.storage.files import Choice, File, keep_all, memory_reader


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
    return list(source(**options).read_shuffled(memory_reader(contents), seed=seed))


def read_file(name: str, table: pyarrow.Table) -> list[Record]:
    """Return the records of a table in its order, written as parquet or as Arrow."""
    content = packed(table)
    if name.endswith(".arrow"):
        sink = io.BytesIO()
        with pyarrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        content = sink.getvalue()
    return list(source().read(File(name, lambda: io.BytesIO(content), len(content))))


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
        ({"other": "x"}, "no column 'text'"),
        ({"text": 5}, "column 'text' is no text"),
        ({"text": ["a"]}, "column 'text' is no text"),
        ({"text": b"bytes"}, "column 'text' is no text"),
    ],
)
def test_a_row_without_text_is_rejected_with_its_position(row: dict[str, Any], reason: str) -> None:
    (record,) = read({"a.parquet": packed([row])})
    assert isinstance(record, Rejection)
    assert (record.position, record.reason) == ("a.parquet#0", reason)


DELTAS = ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"]


@pytest.mark.parametrize("encoding", DELTAS)
def test_delta_encoded_columns_are_read(encoding: str) -> None:
    rows = [{"text": f"text number {i}", "n": i, "turns": [{"say": f"a{i}"}]} for i in range(600)]
    encodings = {"text": encoding, "n": "DELTA_BINARY_PACKED", "turns.list.element.say": encoding}
    data = packed(rows, use_dictionary=False, column_encoding=encodings, row_group_size=500)
    records = by_id(read({"a.parquet": data}))
    assert records == {f"a.parquet#{i}": f"text number {i}" for i in range(600)}
    (group, _) = read_row_groups(*memory_reader({"a.parquet": data}).files("*"), ("text", "n", "turns"))
    assert [row for _, row in group.read_rows()] == rows[:500]


def test_a_delta_encoded_column_beside_one_with_a_dictionary() -> None:
    rows = [{"text": f"text number {i}", "kind": "same"} for i in range(50)]
    options = {"use_dictionary": ["kind"], "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}
    records = read({"a.parquet": packed(rows, **options)}, columns=["text", "kind"])
    assert sorted(by_id(records).values()) == sorted(f"text number {i}\n\nsame" for i in range(50))


def test_categories_that_are_delta_encoded_are_told_as_such() -> None:
    column = pyarrow.array(["a", "b"]).dictionary_encode()
    encodings = {"text": "DELTA_BYTE_ARRAY"}
    data = packed(pyarrow.table({"text": column}), use_dictionary=False, column_encoding=encodings)
    with pytest.raises(SourceError, match=r"Not yet implemented.*; write it anew without delta encoding$"):
        read({"a.parquet": data})


def test_few_rows_are_decoded_at_once_where_each_may_hold_all_of_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [{"text": "x" * 10_000 + str(i)} for i in range(300)]
    data = packed(rows, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    assert len(data) < 30_000  # a beginning that is the same is stored once
    monkeypatch.setattr(reading, "_LARGEST_HELD", 100_000)
    (group,) = read_row_groups(*memory_reader({"a.parquet": data}).files("*"), ("text",))
    assert max(batch.num_rows for _, batch in group._read_batches({})) < 10
    assert [row for _, row in group.read_rows()] == rows


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
    """Bytes that note where and how many of them are read."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name
        self.reads: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        data = super().read(size)
        self.reads.append((at, len(data)))
        return data

    @property
    def taken(self) -> int:
        return sum(size for _, size in self.reads)


class Location:
    """A location that notes the streams of its files; none is opened from its beginning."""

    location, revision = "here", None

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.streams: list[Counting] = []

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        return tuple(File(name, fails, None, lambda name=name: self.opened(name)) for name in self.contents)  # type: ignore[misc]

    def opened(self, name: str) -> BinaryIO:
        self.streams.append(Counting(self.contents[name], name))
        return self.streams[-1]

    def stream(self, seed: int = 1, **options: Any) -> Iterator[Record]:
        return source(**options).read_shuffled(self, seed=seed)

    @property
    def taken(self) -> int:
        return sum(stream.taken for stream in self.streams)


def fails() -> BinaryIO:
    raise AssertionError("opened for reading from its beginning")


def wide(count: int) -> list[dict[str, Any]]:
    return [{"text": f"{i} " + bytes((i * j) % 251 for j in range(1, 2000)).hex()} for i in range(count)]


def test_a_part_of_a_file_costs_a_part_of_it() -> None:
    data = packed(
        wide(640), row_group_size=10, compression="none", use_dictionary=False, write_statistics=False
    )
    location = Location({"a.parquet": data})
    stream = location.stream()
    assert location.streams == []
    for _ in range(5):
        next(stream)
    assert 0 < location.taken < 0.2 * len(data)


def test_other_columns_cost_nothing() -> None:
    table = [{"text": f"t{i}", "vector": bytes((i * j) % 251 for j in range(3000))} for i in range(200)]
    data = packed(table, compression="none", use_dictionary=False, row_group_size=50)
    location = Location({"a.parquet": data})
    assert len(list(location.stream())) == 200
    assert location.taken < 0.2 * len(data)


def test_a_row_group_costs_its_needed_columns_and_one_request() -> None:
    table = [
        {"id": str(i), "vector": bytes((i * j) % 251 for j in range(200)), "meta": {"a": "x" * i, "b": "y"}}
        | {"text": f"{i} " + bytes((i * j) % 251 for j in range(1, 200)).hex()}
        for i in range(400)
    ]
    data = packed(table, row_group_size=100, compression="none", use_dictionary=False)
    footer = pyarrow.parquet.read_metadata(io.BytesIO(data))
    location = Location({"a.parquet": data})
    (file,) = location.files()
    first, second, *_ = read_row_groups(file, ("text", "meta", "missing"))
    assert len(location.streams) == 1
    assert location.streams[0].reads == [(max(0, len(data) - 2**16), min(len(data), 2**16))]
    assert len(list(second.shuffle_rows(1))) == len(list(first.read_rows())) == 100
    # Its pages are looked at before it is read, from what one request brought into the cache.
    fetched, read = location.streams[1::2], location.streams[2::2]
    for looked, stream, group in zip(fetched, read, (1, 0), strict=True):
        chunks = [footer.row_group(group).column(i) for i in range(footer.num_columns)]
        needed = [c for c in chunks if c.path_in_schema in ("text", "meta.a", "meta.b")]
        size = sum(chunk.total_compressed_size for chunk in needed)
        start, count = looked.reads[0]
        assert count == size  # meta and text stand side by side
        assert merge_ranges((start, start + count) for start, count in (*looked.reads, *stream.reads)) == (
            (start, start + size),
        )
        assert looked.closed
        assert stream.closed


def test_footers_of_32_files_are_read_and_row_groups_in_their_turn() -> None:
    contents = {f"{i:02}.parquet": packed(wide(20), row_group_size=5) for i in range(40)}
    location = Location(contents)
    stream = location.stream()
    next(stream)
    footers, first = location.streams[:32], location.streams[32:]
    assert len({stream.name for stream in footers}) == 32
    assert len(first) == 2  # its pages are looked at, then it is read
    for _ in range(31):
        next(stream)
    assert len(location.streams) == 32 + 2 * 32
    assert all(stream.closed for stream in location.streams)
    rest = [record.id for record in stream if isinstance(record, Document)]
    assert len(rest) == 800 - 32
    assert {stream.name for stream in location.streams} == set(contents)


def test_an_error_of_the_storage_is_passed_on_as_it_is() -> None:
    data = packed(wide(200), row_group_size=50)

    class Broken(Counting):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() < len(data) - 2**16:
                raise SourceError("the server went away")
            return super().read(size)

    location = Location({"a.parquet": data})
    location.opened = lambda name: Broken(data, name)  # type: ignore[method-assign]
    with pytest.raises(SourceError, match=r"^the server went away$"):
        list(location.stream())


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


def test_text_that_is_no_utf_8_is_rejected() -> None:
    ends = pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0")
    broken = pyarrow.StringArray.from_buffers(2, ends, pyarrow.py_buffer(b"ok\xff\xfe"))
    assert sorted(read({"a.parquet": packed(pyarrow.table({"text": broken}))}), key=str) == [
        Document(id="a.parquet#0", text="ok"),
        Rejection(position="a.parquet#1", reason="not valid UTF-8"),
    ]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("faulty", [0, 63, 64, 199])
def test_a_row_that_cannot_be_read_does_not_cost_those_beside_it(name: str, faulty: int) -> None:
    values = [b"\xff" if number == faulty else b"text %d" % number for number in range(200)]
    column = pyarrow.array(values, pyarrow.binary()).view(pyarrow.string())
    records = read_file(name, pyarrow.table({"text": column}))
    expected: list[Record] = [Document(id=f"{name}#{number}", text=f"text {number}") for number in range(200)]
    expected[faulty] = Rejection(position=f"{name}#{faulty}", reason="not valid UTF-8")
    assert records == expected


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_rows_that_are_too_long_together_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_RECORD_BYTES", 100)
    lengths = [100 + (number == 70) for number in range(90)]
    records = read_file(name, pyarrow.table({"text": ["x" * length for length in lengths]}))
    expected: list[Record] = [Document(id=f"{name}#{number}", text="x" * 100) for number in range(90)]
    expected[70] = Rejection(position=f"{name}#70", reason="record too long")
    assert records == expected


def test_a_value_that_python_cannot_hold_is_rejected() -> None:
    moments = pyarrow.array([0, 2**62], pyarrow.timestamp("ms"))
    data = packed(pyarrow.table({"text": ["a", "b"], "at": moments}))
    records = read({"a.parquet": data}, columns=["text", "at"])
    assert {r.position: r.reason for r in records if isinstance(r, Rejection)} == {
        "a.parquet#0": "column 'at' is no text",
        "a.parquet#1": "not a readable value",
    }


def test_a_row_group_too_large_is_rejected_once_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LARGEST_GROUP", 100_000)
    location = Location({"large.parquet": packed(wide(100)), "small.parquet": packed(texts(3))})
    records = list(location.stream())
    assert [r for r in records if isinstance(r, Rejection)] == [
        Rejection(position="large.parquet#0", reason="row group too large")
    ]
    assert sorted(by_id(records)) == [f"small.parquet#{i}" for i in range(3)]
    assert sum(stream.name == "large.parquet" for stream in location.streams) == 1
    (file,) = memory_reader({"large.parquet": location.contents["large.parquet"]}).files("*")
    assert list(source().read(file)) == [Rejection(position="large.parquet#0", reason="row group too large")]


def test_other_columns_make_no_row_group_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LARGEST_HELD", 10_000)
    data = packed([{"text": f"t{i}", "textual": "x" * 3_000 + str(i)} for i in range(100)])
    assert len(by_id(read({"a.parquet": data}))) == 100


def test_of_a_row_group_that_unpacks_to_more_than_it_says_little_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_HELD", 100_000)
    # Each value is stored once, so the footer tells of few bytes.
    data = packed([{"text": "x" * 10_000} for _ in range(300)])
    before = pyarrow.total_allocated_bytes()
    stream = source().read_shuffled(memory_reader({"a.parquet": data}), seed=1)
    records = [next(stream)]
    assert pyarrow.total_allocated_bytes() - before < 400_000
    records += stream
    assert len(by_id(records)) == 300
    monkeypatch.undo()
    assert records == read({"a.parquet": data}, 1)


def test_a_row_that_unpacks_to_more_than_may_be_held_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_HELD", 5_000)
    monkeypatch.setattr(reading, "_LARGEST_HELD", 9_999)
    data = packed([{"text": "x" * 10_000} for _ in range(50)])
    assert read({"a.parquet": data}) == [Rejection(position="a.parquet#0", reason="row group too large")]


def test_a_row_group_of_too_many_rows_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_VALUES", 9)
    assert read({"a.parquet": packed(texts(10))}) == [
        Rejection(position="a.parquet#0", reason="row group too large")
    ]


def test_a_row_too_long_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_RECORD_BYTES", 5)
    records = read({"a.parquet": packed([{"text": "12345"}, {"text": "123456"}])})
    assert by_id(records) == {"a.parquet#0": "12345"}
    assert Rejection(position="a.parquet#1", reason="record too long") in records


@given(st.integers(1, 200), st.integers(1, 90), st.integers(1, 2_000), st.integers(0, 5))
@settings(max_examples=20)
def test_a_large_row_group_is_held_in_slices(count: int, group: int, held: int, seed: int) -> None:
    data = packed(texts(count), row_group_size=group)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_HELD", held)
        patch.setattr(reading, "_ROWS_AT_ONCE", 7)
        records = read({"a.parquet": data}, seed)
    assert len(records) == count
    assert by_id(records) == {f"a.parquet#{i}": f"t{i}" for i in range(count)}
    # What is held at once changes no order.
    assert records == read({"a.parquet": data}, seed)


def test_of_a_large_row_group_little_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_HELD", 400_000)
    data = packed(wide(1_000), use_dictionary=False)  # 4 MB
    before = pyarrow.total_allocated_bytes()
    stream = source().read_shuffled(memory_reader({"a.parquet": data}), seed=1)
    positions = [int(next(stream).id.split("#")[1]) for _ in range(80)]  # type: ignore[union-attr]
    assert pyarrow.total_allocated_bytes() - before < 1_000_000
    assert min(positions) < 100
    assert max(positions) > 900


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["data/sk/train-0.parquet", "data/cs/train-0.parquet"]),
        ({"split": "train"}, ["data/sk/train-0.parquet", "data/cs/train-0.parquet"]),
        ({"config": "sk"}, ["data/sk/train-0.parquet"]),
        ({"config": "sk", "split": ["train", "test"]}, ["data/sk/train-0.parquet", "data/sk/test-0.parquet"]),
        ({"config": "sk", "split": "test"}, ["data/sk/test-0.parquet"]),
        ({"files": "data/cs/*"}, ["data/cs/train-0.parquet"]),
    ],
)
def test_configuration_and_split_choose_files(options: dict[str, Any], found: list[str]) -> None:
    contents = {f"data/{name}-0.parquet": b"" for name in ("sk/train", "sk/test", "cs/train")}
    chosen = source(**options).select_files(memory_reader({**contents, "README.md": b""}))
    assert sorted(file.name for file in chosen) == sorted(found)


def test_rows_are_numbered_over_row_groups() -> None:
    (file,) = memory_reader({"a.parquet": packed(texts(5), row_group_size=2)}).files("*")
    groups = read_row_groups(file, ("n", "missing"))
    assert [(group.index, group.start, group.rows) for group in groups] == [(0, 0, 2), (1, 2, 2), (2, 4, 1)]
    assert [row for group in groups for row in group.read_rows()] == [(i, {"n": i}) for i in range(5)]
    first, second, _ = read_row_groups(file, ("missing",))
    assert list(first.read_rows()) == [(0, {}), (1, {})]
    assert sorted(second.shuffle_rows(1), key=str) == [(2, {}), (3, {})]


def test_rows_are_read_in_order_from_a_file_of_large_row_groups() -> None:
    (file,) = memory_reader({"a.parquet": packed(texts(1_000), row_group_size=700)}).files("*")
    assert [r.id for r in source().read(file) if isinstance(r, Document)] == [
        f"a.parquet#{i}" for i in range(1_000)
    ]


def test_a_columns_name_that_is_damaged_is_a_clear_error() -> None:
    data = packed([{"text": "a", "meta": "b"}], compression="none")
    # In the footer a column's path stands behind its schema's name.
    at = data.rindex(b"text")
    spoiled = data[:at] + b"\xffext" + data[at + 4 :]
    with pytest.raises(SourceError, match=r"^a\.parquet: can't be read as parquet \("):
        list(source().read_shuffled(memory_reader({"a.parquet": spoiled}), seed=1))
