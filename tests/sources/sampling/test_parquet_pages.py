"""Rows of a row group, read from the pages that hold them."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, BinaryIO, cast

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.sources.sampling.parquet_pages import list_pages, read_chosen_rows
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.compact_thrift import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    CompactReader,
    write_struct,
)
from calibset.storage.files import File

COLUMNS = ("id", "text", "label", "when", "number")


class Counted(io.BytesIO):
    """A stream that counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        Counted.count += len(content)
        return content


def write(table: pyarrow.Table, **options: Any) -> File:
    target = io.BytesIO()
    pyarrow.parquet.write_table(table, target, row_group_size=700, **options)
    content = target.getvalue()
    return File("a.parquet", lambda: cast("BinaryIO", Counted(content)), len(content))


def make_table(rows: int = 1500) -> pyarrow.Table:
    draw = Random(1)
    schema = pyarrow.schema(
        [
            pyarrow.field("id", pyarrow.string()),
            pyarrow.field("text", pyarrow.large_string()),
            pyarrow.field("label", pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
            pyarrow.field("when", pyarrow.timestamp("us", "UTC")),
            pyarrow.field("number", pyarrow.int32(), nullable=False),
        ]
    )
    return pyarrow.table(
        {
            "id": [f"d{number}" for number in range(rows)],
            "text": [None if n % 97 == 0 else f"{n} " + "slovo " * draw.randint(5, 90) for n in range(rows)],
            "label": [draw.choice("abc") for _ in range(rows)],
            "when": [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(rows)],
            "number": list(range(rows)),
        },
        schema=schema,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "data_page_size": 4096, "write_batch_size": 8, "use_dictionary": False},
        {
            "compression": "none",
            "data_page_version": "2.0",
            "use_dictionary": ["label"],
            "data_page_size": 2048,
        },
        {"compression": "gzip", "use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        {"compression": "lz4", "write_page_index": True},
    ],
)
def test_chosen_rows_are_those_of_the_group(options: dict[str, Any]) -> None:
    file = write(make_table(), **options)
    for group in read_row_groups(file, COLUMNS):
        pages = list_pages(group)
        assert set(pages) == set(COLUMNS)
        indices = [0, 3, 97, group.rows - 1]
        expected = [row for row in group.read_rows() if row[0] - group.start in indices]
        assert list(read_chosen_rows(group, indices, pages)) == expected


def test_little_else_is_read_of_small_pages() -> None:
    file = write(
        make_table(), data_page_size=1024, write_batch_size=4, use_dictionary=False, compression="none"
    )
    group = read_row_groups(file, ("text",))[0]
    pages = list_pages(group)
    Counted.count = 0
    (row,) = read_chosen_rows(group, [300], pages)
    assert row == next(one for one in group.read_rows() if one[0] == 300)
    assert pages["text"][0][1] < 4096
    Counted.count = 0
    list(read_chosen_rows(group, [300], pages))
    assert Counted.count < 4096


def test_a_dictionary_is_read_only_for_what_stands_in_it() -> None:
    texts = [f"{number} {Random(number).random()} " * 40 for number in range(700)]
    options = {"dictionary_pagesize_limit": 40_000, "data_page_size": 4096, "write_batch_size": 8}
    group = read_row_groups(write(pyarrow.table({"text": texts}), compression="none", **options), ("text",))[
        0
    ]
    pages = list_pages(group)
    dictionary, *others = pages["text"]
    assert (dictionary.rows, dictionary.is_shared) == (0, False)
    assert [page.is_shared for page in others] == sorted((page.is_shared for page in others), reverse=True)
    assert {page.is_shared for page in others} == {False, True}
    for index, read in ((0, dictionary.size + others[0].size), (699, others[-1].size)):
        Counted.count = 0
        assert list(read_chosen_rows(group, [index], pages)) == [(index, {"text": texts[index]})]
        assert Counted.count == read


def test_columns_of_lists_are_read_whole() -> None:
    table = pyarrow.table({"turns": [[{"role": "user", "content": f"{n}"}] * 3 for n in range(50)]})
    group = read_row_groups(write(table), ("turns",))[0]
    assert list_pages(group) == {}
    expected = [row for row in group.read_rows() if row[0] in (4, 9)]
    assert list(read_chosen_rows(group, [4, 9], {})) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_a_struct_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(CompactReader(data).read_struct(), dict)


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=20),
    st.lists(st.integers(-5, 2**31 - 1), max_size=40),
)
def test_a_struct_that_is_written_reads_the_same(number: int, text: bytes, items: list[int]) -> None:
    inner = {1: (BINARY, text)}
    fields = {
        2: (I64, number),
        5: (LIST, (I32, items)),
        40: (STRUCT, inner),
        41: (LIST, (STRUCT, [inner] * 17)),
    }
    reader = CompactReader(write_struct(fields))
    assert reader.read_struct() == fields
