from __future__ import annotations

import gzip
import io
import json
from typing import Any, BinaryIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.text import replace_surrogates
from calibset.sources.adapters.jsonl import Jsonl
from calibset.sources.formats import json_rows
from calibset.sources.formats.columns import make_record
from calibset.sources.sampling import files as sampling
from calibset.storage import compression, text_lines
from calibset.storage.files import File, memory_reader
from tests.text_bytes import TEXT_BYTES


def read(data: str | bytes, name: str = "a.jsonl", **options: Any) -> list[Record]:
    (file,) = memory_reader({name: data.encode() if isinstance(data, str) else data}).files("*")
    return list(Jsonl(group="g", where=("here",), **options).read(file))


def test_a_line_is_a_document() -> None:
    data = (
        '{"text": "škoda", "title": "Š", "score": 0.5, "tags": ["a"]}\n\n{"text": "two", "title": null}\r\n'
    )
    assert read(data, columns=("title", "text")) == [
        Document(id="a.jsonl#0", text="Š\n\nškoda", metadata={"score": "0.5"}),
        Document(id="a.jsonl#2", text="two"),
    ]


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.ZstdCompressor().compress)],
)
def test_compressed_lines(name: str, packed: Any) -> None:
    assert read(packed(b'{"text": "a"}\n'), name) == [Document(id=f"{name}#0", text="a")]


def test_a_json_file_holds_an_array_or_lines() -> None:
    documents = [Document(id="a.json#0", text="a"), Document(id="a.json#1", text="b")]
    assert read('\n [ {"text": "a"},\n{"text": "b"} ]\n', "a.json") == documents
    assert read('{"text": "a"}\n{"text": "b"}', "a.json") == documents
    assert read(gzip.compress(b'[{"text": "a"},{"text": "b"}]'), "a.json.gz")[1] == Document(
        id="a.json.gz#1", text="b"
    )
    assert read("[]", "a.json") == []


@pytest.mark.parametrize("rest", ["", ",", ', {"text": "b"', "; 5]", " 5]"])
def test_an_array_cut_off_gives_what_is_whole(rest: str) -> None:
    first, fault = read('[{"text": "a"}' + rest, "a.json")
    assert first == Document(id="a.json#0", text="a")
    assert fault == Rejection(position="a.json#1", reason="not valid JSON", excerpt=rest.lstrip(", "))


@pytest.mark.parametrize(
    ("line", "reason", "excerpt"),
    [
        ('{"text": "a', "not valid JSON", '{"text": "a'),
        ("[" * 100_000, "not valid JSON", "[" * 200),
        ("9" * 5_000, "not valid JSON", "9" * 200),
        ('["text"]', "row is no object", "list"),
        ('{"text": "a", "id": 1, "text": "c"}', "a key is there twice", "text, id"),
        ('"text"', "row is no object", "text"),
        ('{"body": "a", "lang": "sk"}', "no column 'text'", "body, lang"),
        ('{"text": ["a"]}', "column 'text' is no text", "list"),
    ],
)
def test_faulty_lines_are_rejected(line: str, reason: str, excerpt: str) -> None:
    assert read(f'{line}\n{{"text": "b"}}\n') == [
        Rejection(position="a.jsonl:1", reason=reason, excerpt=excerpt),
        Document(id="a.jsonl#1", text="b"),
    ]


def test_deep_arrays_are_rejected() -> None:
    assert read("[" * 100_000, "a.json") == [
        Rejection(position="a.json#0", reason="not valid JSON", excerpt="[" * 200)
    ]


def test_metadata_is_short_scalars_only() -> None:
    row = {
        "text": "a",
        "yes": True,
        "n": 3,
        "long": "x" * 501,
        "none": None,
        "huge": 10**5_000,
        "": "",
        5: "x",
    }
    document = make_record(row, ("text",), "1", "here")
    assert isinstance(document, Document)
    assert document.metadata == {"yes": "True", "n": "3"}


@given(st.text(st.characters()))
def test_scalar_text_can_be_written_and_whole_text_stays(text: str) -> None:
    written = replace_surrogates(text).encode()
    assert replace_surrogates(written.decode()) == written.decode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert written.decode() == text


@given(st.lists(st.text(min_size=1)))
def test_texts_come_back_from_lines_and_arrays(texts: list[str]) -> None:
    rows = [{"text": text} for text in texts if not text.isspace()]
    expected = [row["text"] for row in rows]
    lines = "\n".join(json.dumps(row) for row in rows)
    for data, name in ((lines, "a.jsonl"), (json.dumps(rows), "a.json")):
        assert [record.text for record in read(data, name) if isinstance(record, Document)] == expected


@given(TEXT_BYTES, st.sampled_from(["a.json", "a.jsonl"]))
def test_no_bytes_make_it_fail(data: bytes, name: str) -> None:
    for record in read(b"[" + data, name) + read(data, name):
        assert isinstance(record, Document | Rejection)


def test_a_line_that_is_too_long_is_one_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    long = json.dumps({"text": "č" * 2**20})
    expected = [
        Document(id="{0}#0", text="a"),
        Rejection(position="{0}:2", reason="record too long", excerpt=long[:200]),
        Document(id="{0}#2", text="b"),
    ]
    data = f'{{"text": "a"}}\n{long}\n{{"text": "b"}}\n'.encode()
    for name, packed in {
        "a.jsonl": data,
        "a.json": data,
        "a.jsonl.gz": gzip.compress(data),
        "a.json.zst": zstandard.compress(data),
    }.items():
        assert [repr(record) for record in read(packed, name)] == [
            repr(record).replace("{0}", name) for record in expected
        ]


def test_lines_of_a_json_file_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 100)
    assert len(read('{"text": "a"}\n' * 1_000, "a.json")) == 1_000


def test_an_array_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 2**20)
    assert read(gzip.compress(b"[" + b" " * 2**19 + b"]"), "a.json.gz") == []
    with pytest.raises(SourceError) as caught:
        read(gzip.compress(b"[" + b" " * 2**20 + b"]"), "a.json.gz")
    assert str(caught.value) == (
        "a.json.gz: holds more than 1,048,576 bytes, too many for a file that is read as a whole; "
        "split it, or leave it out with files = [...]"
    )


def test_an_array_of_too_many_values_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "MOST_VALUES", 10_000)
    few, many = b'[{"text": "' + b"a" * 20_000 + b'"}]', b"[" + b"[]," * 6_000 + b"1]"
    assert len(read(few, "a.json")) == 1
    with pytest.raises(SourceError) as caught:
        read(gzip.compress(many), "a.json.gz")
    assert str(caught.value) == (
        "a.json.gz: holds more than 10,000 JSON values, too many for a file that is read as a whole; "
        "split it, or leave it out with files = [...]"
    )


ROWS = [{"text": "a"}, {"text": "b"}]
DOCUMENTS = ["a", "b"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "a.json.gz"])
@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, ROWS)),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
        "\ufeff\n " + json.dumps(ROWS, indent=1),
        "[" + ",\n".join(map(json.dumps, ROWS)) + "]\n",
        "".join(json.dumps(row, indent=1) + "\n" for row in ROWS),
        json.dumps({"version": 1, "data": ROWS}),
        json.dumps({"meta": {"a": [1]}, "rows": ROWS}, indent=1),
        '{"data": [\n' + ",\n".join(map(json.dumps, ROWS)) + "\n]}",
    ],
)
def test_what_is_inside_decides_and_not_the_ending(content: str, name: str) -> None:
    data = content.encode()
    records = read(gzip.compress(data) if name.endswith(".gz") else data, name)
    assert [record.text for record in records if isinstance(record, Document)] == DOCUMENTS
    assert [record.id for record in records if isinstance(record, Document)] == [f"{name}#0", f"{name}#1"]


@pytest.mark.parametrize(
    ("name", "content", "times"),
    [
        ("a.jsonl", b"\n \n" + b'{"text": "one"}\n' * 3, 1),
        ("a.json", b'{"text": "one"}\n' * 3, 1),
        ("a.jsonl", b"", 1),
        ("a.json", b'[{"text": "one"},\n{"text": "one"}, {"text": "one"}]', 2),
    ],
)
def test_a_file_of_lines_is_opened_once(name: str, content: bytes, times: int) -> None:
    opened: list[str] = []

    def open_counted() -> BinaryIO:
        opened.append(name)
        return io.BytesIO(content)

    records = list(Jsonl(group="g", where=("here",)).read(File(name, open_counted, len(content))))
    assert [record.text for record in records if isinstance(record, Document)] == ["one"] * (
        3 * bool(content)
    )
    assert len(opened) == times


def test_one_object_of_many_lines_is_one_row() -> None:
    assert read(json.dumps({"text": "a", "data": [{"x": 1}]}, indent=1)) == [
        Document(id="a.jsonl#0", text="a")
    ]


def test_an_object_with_rows_under_two_keys_is_a_row() -> None:
    (record,) = read(json.dumps({"data": ROWS, "rows": ROWS}))
    assert record == Rejection(position="a.jsonl:1", reason="no column 'text'", excerpt="data, rows")


@pytest.mark.parametrize("line", ['{"text": "a", "b": {', '{"text": ["a",', "{"])
def test_a_line_that_is_cut_off_does_not_cost_the_others(line: str) -> None:
    first, second = read(f'{line}\n{{"text": "b"}}\n')
    assert first == Rejection(position="a.jsonl:1", reason="not valid JSON", excerpt=line)
    assert isinstance(second, Document)


def test_what_follows_an_array_is_told() -> None:
    assert read('[{"text": "a"}] and so on') == [
        Document(id="a.jsonl#0", text="a"),
        Rejection(position="a.jsonl#1", reason="not valid JSON", excerpt="and so on"),
    ]
    assert [r.text for r in read('[{"text": "a"}]\n[{"text": "b"}]') if isinstance(r, Document)] == DOCUMENTS


def test_an_array_that_is_read_in_blocks_unseen_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LARGE", 2**12)
    monkeypatch.setattr(sampling, "_MOST_LOCAL", 0)  # of more files than are looked into
    array = json.dumps([{"text": "x" * 100}] * 30, indent=1).encode()
    files = {f"{index}.jsonl": array for index in range(3)}
    source = Jsonl(group="g", where=("here",))
    with pytest.raises(SourceError) as caught:
        list(source.read_shuffled(memory_reader(files), seed=1))
    assert str(caught.value).endswith(
        ".jsonl: holds a JSON array or object of many lines, not a row on each line; "
        "give it the ending .json, with which it is read as a whole"
    )
    monkeypatch.setattr(sampling, "_LARGE", 2**11)
    assert len(list(source.read_shuffled(memory_reader(files), seed=1))) == 90
