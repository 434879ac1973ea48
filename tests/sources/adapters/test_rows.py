from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.sources.adapters.rows import Rows
from calibset.storage.files import memory_reader


def read(rows: list[Any], **keys: Any) -> list[Record]:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    source = Rows(group="rows", where=("x",), **keys)
    return list(source.read_in_order(memory_reader({"x.jsonl": content})))


@pytest.mark.parametrize(
    "row",
    [
        "Hail.",
        {"text": "Hail."},
        {"anything": "Hail."},
        {"text": "Hail.", "input_ids": [1], "source": "web"},
    ],
)
def test_a_row_holds_a_text(row: Any) -> None:
    assert read([row]) == [Document(id="x.jsonl#0", text="Hail.")]


@pytest.mark.parametrize(
    "row",
    [
        [1, 2, 3],
        {"input_ids": [1, 2, 3]},
        {"input_ids": [[1, 2, 3]], "labels": [1]},
        {"input_ids": [9, 1, 2, 3, 9], "attention_mask": [0, 1, 1, 1, 0]},
        {"input_ids": [[1, 2, 3, 9]], "attention_mask": [[1, 1, 1, 0]]},
    ],
)
def test_a_row_holds_ids(row: Any) -> None:
    assert read([row]) == [Document(id="x.jsonl#0", text="", token_ids=(1, 2, 3))]


@pytest.mark.parametrize("row", [" ", {"text": None}, {"input_ids": []}, {"text": "", "input_ids": [1]}])
def test_empty_rows_are_filtered(row: Any) -> None:
    assert [type(record) for record in read([row])] == [Filtered]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"a": "x", "b": "y"}, "no text and no input_ids"),
        ({"input_ids": [1, True], "a": 1}, "neither a text nor a list of ids"),
        ({"input_ids": [[1], [2]], "a": 1}, "neither a text nor a list of ids"),
        ([1, "x"], "neither a text nor a list of ids"),
        (7, "neither a text nor a list of ids"),
    ],
)
def test_other_rows_are_rejected(row: Any, reason: str) -> None:
    (record,) = read(["Hail.", row])[1:]
    assert isinstance(record, Rejection)
    assert (record.position, record.reason) == ("x.jsonl:2", reason)


def test_the_recipe_names_the_column() -> None:
    rows = [{"body": "Hail.", "text": "x"}, {"text": "x", "more": "y"}]
    document, rejection = read(rows, column="body")
    assert document == Document(id="x.jsonl#0", text="Hail.")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "no column 'body'"


def test_parquet_files() -> None:
    stream = io.BytesIO()
    parquet.write_table(pa.table({"input_ids": [[1, 2], [3]], "attention_mask": [[1, 0], [1]]}), stream)
    source = Rows(group="rows", where=("x",))
    records = list(source.read_in_order(memory_reader({"x.parquet": stream.getvalue()})))
    assert [getattr(record, "token_ids", None) for record in records] == [(1,), (3,)]
