from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Any

import datasets
import numpy
import pandas
import polars
import pyarrow
import pytest

from calibset.core.errors import SourceError
from calibset.storage.given_rows import read_given_rows

ROWS: list[dict[str, Any]] = [{"text": "Škoda", "n": 1}, {"text": None, "n": 2}]
NO_ROWS = "holds no rows; give a datasets.Dataset, a frame of polars or pandas, or an iterable of dicts"
CONTENT = b'{"text": "\\u0160koda", "n": 1}\n{"text": null, "n": 2}\n'


def content_of(rows: object) -> bytes:
    (file,) = read_given_rows(rows, "mine").files("*.jsonl")
    assert file.name == "mine.jsonl"
    with file.open_bytes() as stream:
        return stream.read()


@pytest.mark.parametrize(
    "make",
    [
        list, iter, datasets.Dataset.from_list, polars.DataFrame, polars.LazyFrame, pandas.DataFrame,
        pyarrow.Table.from_pylist, lambda rows: datasets.Dataset.from_list(rows).to_iterable_dataset(),
    ],
)  # fmt: skip
def test_the_same_rows_are_the_same_bytes_whatever_holds_them(make: Callable[[Any], object]) -> None:
    assert content_of(make(ROWS)) == CONTENT


def test_the_revision_is_the_hash_of_the_rows() -> None:
    reader = read_given_rows(ROWS, "mine")
    assert (reader.location, reader.revision) == ("memory", sha256(CONTENT).hexdigest())


def test_what_is_missing_in_a_frame_is_null() -> None:
    frame = pandas.DataFrame(
        {"a": ["x", None], "b": [1.5, float("nan")], "c": pandas.array([1, None], "Int64")}
    )
    assert [json.loads(line) for line in content_of(frame).splitlines()] == [
        {"a": "x", "b": 1.5, "c": 1},
        {"a": None, "b": None, "c": None},
    ]


def test_values_that_json_has_not() -> None:
    row = {
        "n": numpy.int64(3),
        "list": numpy.array([1, 2]),
        "day": date(2024, 2, 1),
        "set": {"b", "a"},
        "raw": b"x",
    }
    assert json.loads(content_of([row])) == {
        "n": 3, "list": [1, 2], "day": "2024-02-01", "set": ["a", "b"], "raw": {"bytes": None},
    }  # fmt: skip


def circle() -> dict[str, Any]:
    row: dict[str, Any] = {}
    row["row"] = row
    return row


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a"], "row 0 is no mapping but a str; give dicts"),
        (3, f"a int {NO_ROWS}"),
        ("abc", f"a str {NO_ROWS}"),
        (
            {"train": [], "test": []},
            "a dict is no table but has train, test; give one split, or an iterable of rows",
        ),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "2 columns are named 'a'; rename all but one"),
        ([circle()], "row 0 can't be written as JSON (Circular reference detected)"),
    ],
)
def test_what_holds_no_rows_is_a_fault(rows: object, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_given_rows(rows, "mine")
    assert str(caught.value) == message
