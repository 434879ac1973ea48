"""What all adapters of tables have in common: columns of texts and of turns, absent and doubled ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources import get_adapter
from calibset.storage.files import memory_reader

Rows = list[dict[str, Any]]


def csv_bytes(rows: Rows) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def jsonl_bytes(rows: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_bytes(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[Rows], bytes]] = {
    "csv": csv_bytes,
    "jsonl": jsonl_bytes,
    "parquet": parquet_bytes,
}


def read(kind: str, data: bytes, **options: Any) -> list[Record]:
    source = get_adapter(kind).model_validate({"type": kind, "group": "g", "where": "here", **options})
    return sorted(source.read_shuffled(memory_reader({f"t.{kind}": data}), seed=1), key=str)


@pytest.mark.parametrize("kind", WRITERS)
def test_rows_become_conversations(kind: str) -> None:
    rows = [
        {"Frage": "Zahlt ihr?", "Antwort": "Ja.", "n": "1"},
        {"Frage": "Und Hagel?", "Antwort": "", "n": "2"},
    ]
    columns = {"user": "Frage", "assistant": "Antwort"}
    talk, rejected = read(kind, WRITERS[kind](rows), columns=columns)
    assert isinstance(talk, Conversation)
    assert [message.content for message in talk.messages] == ["Zahlt ihr?", "Ja."]
    assert getattr(rejected, "reason", None) == "empty assistant turn"
    assert (
        get_adapter(kind).model_validate({"group": "g", "where": "x", "columns": columns}).gives
        == "conversations"
    )
    assert get_adapter(kind).model_validate({"group": "g", "where": "x"}).gives == "texts"


@pytest.mark.parametrize("kind", WRITERS)
def test_blank_texts_are_filtered(kind: str) -> None:
    records = read(kind, WRITERS[kind]([{"text": "", "n": "1"}, {"text": "= Title =", "n": "2"}]))
    assert [type(record) for record in records] == [Document, Filtered]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_columns_inside_a_column(kind: str) -> None:
    rows: Rows = [{"translation": {"sk": f"Škoda {i}", "en": f"Damage {i}"}} for i in range(3)]
    records = read(kind, WRITERS[kind](rows), columns="translation.sk")
    assert [record.text for record in records if isinstance(record, Document)] == [
        "Škoda 0",
        "Škoda 1",
        "Škoda 2",
    ]
    turns = {"user": "translation.en", "assistant": "translation.sk"}
    assert all(isinstance(record, Conversation) for record in read(kind, WRITERS[kind](rows), columns=turns))


def test_a_column_of_a_parquet_file_that_is_spelled_like_a_path() -> None:
    (record,) = read("parquet", parquet_bytes([{"a.b": "one"}]), columns="a.b")
    assert isinstance(record, Document)
    assert record.text == "one"


def test_a_column_that_is_there_twice_is_a_fault() -> None:
    with pytest.raises(SourceError, match=r"^t\.csv: 2 columns are named 'text'; rename all but one$"):
        read("csv", b"text,id,text\na,1,b\n")
    table = pyarrow.table([["a"], ["b"]], names=["text", "text"])
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    with pytest.raises(SourceError, match=r"^t\.parquet: 2 columns are named 'text'; rename all but one$"):
        read("parquet", sink.getvalue())


@pytest.mark.parametrize("rows_at", [None, "data"])
def test_a_row_of_json_with_a_key_twice_is_rejected(rows_at: str | None) -> None:
    data = b'{"data": [{"text": "a", "text": "b"}, {"text": "c", "meta": {"x": 1, "x": 2}}]}'
    document, rejection = read("jsonl", data, rows_at=rows_at)
    assert document == Document(id="t.jsonl#1", text="c")
    assert rejection == Rejection(position="t.jsonl#0", reason="a key is there twice", excerpt="text")


def test_columns_that_nobody_asks_for_may_have_one_name() -> None:
    assert read("csv", b"text,note,note,n,,\na,1,2,3,,\n") == [
        Document(id="t.csv#0", text="a", metadata={"n": "3"})
    ]


def test_a_header_of_questions_and_answers_names_the_adapter_of_such_tables() -> None:
    with pytest.raises(SourceError, match=r"\('Question' and 'Answer', which type = \"alpaca\" reads\)$"):
        read("csv", b"Question,Answer\na,b\n")


@pytest.mark.parametrize("rows_at", ["body.entries", "body"])
def test_rows_at_leads_to_rows_in_objects_and_lists(rows_at: str) -> None:
    value = (
        {"entries": [{"text": "a"}, {"text": "b"}]}
        if rows_at == "body.entries"
        else [{"text": "a"}, {"text": "b"}]
    )
    data = json.dumps({"version": 1, "body": value, "data": [{"text": "x"}]}, indent=1).encode()
    assert read("jsonl", data, rows_at=rows_at) == [
        Document(id="t.jsonl#0", text="a"), Document(id="t.jsonl#1", text="b"),
    ]  # fmt: skip


def test_rows_at_leads_through_every_item_of_a_list() -> None:
    squad = {"data": [{"paragraphs": [{"text": "a"}, {"text": "b"}]}, {"paragraphs": [{"text": "c"}]}]}
    found = read("jsonl", json.dumps(squad).encode(), rows_at="data.paragraphs")
    assert [record.text for record in found if isinstance(record, Document)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("data", "holds"), [(b'{"version": 1, "rows": []}', "version, rows"), (b"3", "a int"), (b"", "nothing")]
)
def test_a_path_without_rows_is_a_fault(data: bytes, holds: str) -> None:
    with pytest.raises(SourceError) as caught:
        read("jsonl", data, rows_at="rows")
    assert str(caught.value) == (
        f"t.jsonl: no rows at 'rows'; it holds {holds}: name the key of the list with rows_at = …"
    )
