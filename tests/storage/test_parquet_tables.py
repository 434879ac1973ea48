"""Tables are read whole only as long as a file's bytes may stand for them."""

import io
from collections.abc import Callable
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.storage import parquet_tables
from calibset.storage.parquet_tables import TableTooLargeError, read_row_groups, read_table

MOST = 2**20


def pack(table: pa.Table, **options: Any) -> io.BytesIO:
    stream = io.BytesIO()
    pq.write_table(table, stream, **{"compression": "zstd", **options})
    return stream


SHARED = pa.dictionary(pa.int32(), pa.string())
ROWS = st.lists(
    st.fixed_dictionaries({
        "text": st.none() | st.text(max_size=9),
        "ids": st.lists(st.integers(0, 2**31 - 1), max_size=4),
        "said": st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"])}), max_size=3),
        "group": st.sampled_from(["a", "b"]),
    }),
    max_size=40,
)  # fmt: skip
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("ids", pa.list_(pa.int32())),
        ("said", pa.list_(pa.struct([("role", pa.string())]))),
        ("group", SHARED),
    ],
    metadata={"calibset": "x"},
)


@given(ROWS, st.sampled_from([{}, {"use_dictionary": False}, {"data_page_version": "2.0"}]), st.data())
def test_a_table_is_read_as_the_library_reads_it(
    rows: list[dict[str, Any]], options: dict[str, Any], data: st.DataObject
) -> None:
    stream = pack(pa.Table.from_pylist(rows, SCHEMA), row_group_size=7, **options)
    columns = data.draw(st.none() | st.lists(st.sampled_from(SCHEMA.names), min_size=1, unique=True))
    whole = pq.read_table(stream, columns=columns)
    # The library gives columns in the file's order.
    assert read_table(stream, columns) == whole.select(columns or SCHEMA.names)
    assert read_table(stream, columns).schema.metadata == {b"calibset": b"x"}
    groups = read_row_groups(stream, pq.read_metadata(stream), ["text"])
    assert [group["text"].to_pylist() for group in groups if len(group)] == [
        [row["text"] for row in rows[start : start + 7]] for start in range(0, len(rows), 7)
    ]


def one_text(size: int) -> io.BytesIO:
    return pack(pa.table({"text": ["a" * size]}), use_dictionary=False)


def many_ids(size: int) -> io.BytesIO:
    return pack(pa.table({"ids": pa.array([[1] * (size // 100)] * 100, pa.list_(pa.int32()))}))


def shared_text(size: int) -> io.BytesIO:
    return pack(pa.table({"text": ["a" * (size // 1_000)] * 1_000}))


def growing_texts(size: int) -> io.BytesIO:
    table = pa.table({"text": ["a" * (size // 1_000) + str(number) for number in range(1_000)]})
    return pack(table, use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")


def empty_rows(size: int) -> io.BytesIO:
    return pack(pa.table({"other": pa.nulls(size, pa.int8())}))


BOMBS = (one_text, many_ids, shared_text, growing_texts, empty_rows)


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    bomb: Callable[[int], io.BytesIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [] if bomb is empty_rows else None
    small, large = bomb(2**13), bomb(2**24)
    monkeypatch.setattr(parquet_tables, "MOST_MEMORY", MOST)
    read_table(small, columns)
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(TableTooLargeError) as caught:
        read_table(large, columns)
    size = len(large.getvalue())
    most = max(MOST, parquet_tables.MOST_MEMORY_PER_BYTE * size)
    assert str(caught.value) == f"its {size:,} bytes unpack to more than {most:,}, as no such file does"
    assert most < 2**23
    assert pa.default_memory_pool().max_memory() - before < 2**23


def test_the_row_groups_of_a_file_must_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_tables, "MOST_MEMORY", MOST)
    table = pa.table({"ids": pa.array([[1] * 100] * 100, pa.list_(pa.int32()))})
    fitting, large = pack(table, row_group_size=10), pack(pa.concat_tables([table] * 4), row_group_size=10)
    assert len(list(read_row_groups(fitting, pq.read_metadata(fitting)))) == 10
    groups = read_row_groups(large, pq.read_metadata(large))
    assert len(list(islice(groups, 10))) == 10
    with pytest.raises(TableTooLargeError):
        list(groups)


def test_a_footer_that_tells_less_than_the_pages_unpack_to_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet_tables, "MOST_MEMORY", MOST)
    size = 2**24
    stream = one_text(size)
    footer = pq.read_metadata(stream)
    told = footer.row_group(0).column(0).total_uncompressed_size

    def varint(value: int) -> bytes:
        value, content = value << 1, bytearray()
        while value >= 0x80:
            content.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes((*content, value))

    spelled = varint(told)
    content = stream.getvalue()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    lies = content[:start] + content[start:].replace(spelled, b"\x82" + b"\x80" * (len(spelled) - 2) + b"\0")
    assert pq.read_metadata(io.BytesIO(lies)).row_group(0).column(0).total_uncompressed_size == 1
    with pytest.raises(TableTooLargeError):
        read_table(io.BytesIO(lies))
