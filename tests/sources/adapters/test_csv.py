from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.csv import Csv
from calibset.sources.formats.csv_rows import LONGEST_FIELD
from calibset.storage import text_lines
from calibset.storage.files import memory_reader
from tests.text_bytes import TEXT_BYTES


def read(data: str | bytes, name: str = "a.csv", **options: Any) -> list[Record]:
    (file,) = memory_reader({name: data.encode() if isinstance(data, str) else data}).files("*")
    return list(Csv(group="g", where=("here",), **options).read(file))


def test_columns_are_joined_by_a_blank_line_and_the_others_are_metadata() -> None:
    data = '\ufefftitle,text,year\nHail,"Ice,\r\nfrom ""clouds""",2024\n\n,Only text,\n'
    assert read(data, columns=("title", "text")) == [
        Document(id="a.csv#0", text='Hail\n\nIce,\nfrom "clouds"', metadata={"year": "2024"}),
        Document(id="a.csv#1", text="Only text"),
    ]


def test_compressed_files_and_other_delimiters() -> None:
    data = gzip.compress("text\tlang\nškoda, veľká\tsk\n".encode())
    assert read(data, "a.csv.gz", delimiter="\t") == [
        Document(id="a.csv.gz#0", text="škoda, veľká", metadata={"lang": "sk"})
    ]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="delimiter"):
        Csv(group="g", where=("here",), delimiter=delimiter)


@pytest.mark.parametrize(
    ("row", "reason", "excerpt"),
    [
        ("one", "row has too few columns", "one"),
        ("one,two,three", "row has too many columns", "one,two,three"),
        ("nul\0,x", "NUL character", "nul\0,x"),
        ('"a"b,x', "text after a closing quote", ""),
        ("a\rb,x", "carriage return outside quotes", ""),
        ('"a \\"b\\"",x', "quote escaped by a backslash, which the key escape allows", ""),
        ("x" * (LONGEST_FIELD + 1) + ",x", "field too long", ""),
    ],
)
def test_broken_rows_are_rejected_and_the_next_is_read(row: str, reason: str, excerpt: str) -> None:
    assert read(f"text,b\ngood,1\n{row}\ngood,2\n") == [
        Document(id="a.csv#0", text="good", metadata={"b": "1"}),
        Rejection(position="a.csv:3", reason=reason, excerpt=excerpt),
        Document(id="a.csv#2", text="good", metadata={"b": "2"}),
    ]


def texts(records: list[Record]) -> list[str]:
    return [record.text for record in records if isinstance(record, Document)]


def test_quotes_escaped_by_a_backslash() -> None:
    data = r'''text,b
"said \"yes\", twice",1
"ends with one \\",2
"C:\new \\server",3
"the last \"",4
plain \"5\" plain,5
"over
\"two\", lines",6
"doubled ""too""",7
'''
    records = read(data, escape="\\")
    assert len(records) == 7
    assert texts(records) == [
        'said "yes", twice',
        "ends with one \\",
        r"C:\new \\server",
        'the last "',
        'plain "5" plain',
        'over\n"two", lines',
        'doubled "too"',
    ]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\0\ufeff", exclude_categories=["Cs"])), min_size=1)
)
def test_what_is_written_with_escapes_is_read_back(fields: list[str]) -> None:
    # Only the escapes before a quote are escapes.
    fields = [field for field in fields if "\\" not in field]
    rows = (field.replace('"', '\\"') for field in fields)
    data = "text,b\n" + "".join(f'"{row}",1\n' for row in rows)
    records = read(data, escape="\\")
    assert len(records) == len(fields)
    assert texts(records) == [field for field in fields if field and not field.isspace()]


def test_other_quotes_and_none() -> None:
    assert texts(read("text;b\n'one; \"two\"';1\nit's;2\n", quote="'", delimiter=";")) == [
        'one; "two"',
        "it's",
    ]
    tabs = 'text\tb\n"Quoted\t1\nsays "no\t2\n'
    assert texts(read(tabs, quote="", delimiter="\t")) == ['"Quoted', 'says "no']


def test_the_characters_of_a_dialect_differ() -> None:
    for options in ({"quote": ","}, {"escape": ","}, {"quote": "|", "escape": "|"}, {"quote": "ab"}):
        with pytest.raises(ValidationError, match=r"must be different characters|should match pattern"):
            Csv(group="g", where=("here",), **options)  # type: ignore[arg-type]


def test_a_first_line_of_excels_names_the_delimiter() -> None:
    records = read('sep=;\ntext;b\nškoda, veľká;1\n"open\n')
    assert records == [
        Document(id="a.csv#0", text="škoda, veľká", metadata={"b": "1"}),
        Rejection(position="a.csv:4", reason="quote not closed"),
    ]
    assert texts(read("sep=1\nx\n", columns=("x",))) == []


def test_rows_that_end_in_carriage_returns() -> None:
    assert read('text,b\rone,1\r"two\rlines",2\r') == [
        Document(id="a.csv#0", text="one", metadata={"b": "1"}),
        Document(id="a.csv#1", text="two\nlines", metadata={"b": "2"}),
    ]


def test_files_in_the_encoding_that_the_recipe_names() -> None:
    data = "Frage;Größe\nWas heißt „Prämie“?;1\n"
    contents = {"a.csv": data.encode("cp1252"), "b.csv": data.encode("utf-16")}
    source = Csv(group="g", where=("x",), columns=("Frage", "Größe"), delimiter=";", encoding="windows-1252")
    records = list(source.read_in_order(memory_reader(contents)))
    assert texts(records) == ["Was heißt „Prämie“?\n\n1"] * 2
    with pytest.raises(ValidationError, match="the name that Python has for an encoding of text"):
        source.model_validate({**source.model_dump(), "encoding": "cp12500"})


def test_a_missing_column_names_the_encoding_that_the_file_seems_to_have() -> None:
    data = ("Otázka,Odpoveď\n" + "Ľudia žijú v meste,ktoré leží pri rieke Váh\n" * 9).encode("cp1250")
    with pytest.raises(SourceError, match=r"no column 'Odpoveď'.*\(a.csv is perhaps cp1250\)"):
        read(data, columns=("Odpoveď",))


def test_a_quote_that_never_closes() -> None:
    assert read('text\ngood\n"open\nlost\n') == [
        Document(id="a.csv#0", text="good"),
        Rejection(position="a.csv:3", reason="quote not closed"),
    ]


def test_a_quote_that_never_closes_takes_a_bounded_part_along() -> None:
    line = "x" * 999 + "\n"
    records = read('text\n"open\n' + line * (LONGEST_FIELD // 1000 + 3))
    assert records[0] == Rejection(position="a.csv:2", reason="field too long")
    assert [record for record in records[1:] if not isinstance(record, Document)] == []
    assert len(records) == 4


@pytest.fixture
def limit() -> Iterator[None]:
    """Set the limit of the csv module back when the test is over."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("of_others", [1_234, LONGEST_FIELD, 10 * LONGEST_FIELD])
def test_the_limit_of_the_process_is_raised_for_good_and_never_lowered(of_others: int) -> None:
    csv.field_size_limit(of_others)
    records = read("text\n" + "x" * LONGEST_FIELD + "\n" + "y" * (LONGEST_FIELD + 1) + "\nz\n")
    assert [record.text for record in records if isinstance(record, Document)] == ["x" * LONGEST_FIELD, "z"]
    assert records[1] == Rejection(position="a.csv:3", reason="field too long")
    assert csv.field_size_limit() == max(of_others, LONGEST_FIELD)


@pytest.mark.usefixtures("limit")
def test_a_quote_that_never_closes_is_bounded_whatever_the_limit_of_the_process() -> None:
    csv.field_size_limit(100 * LONGEST_FIELD)
    records = read('text\n"open\n' + ("x" * 999 + "\n") * (LONGEST_FIELD // 1000 + 5))
    assert records[0] == Rejection(position="a.csv:2", reason="field too long")
    assert [type(record) for record in records[1:]] == [Document] * 3


@pytest.mark.usefixtures("limit")
def test_threads_that_read_at_once_do_not_cut_each_others_fields() -> None:
    data = "text\n" + ("x" * 200_000 + "\n") * 20
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, [data] * 4))
    assert all([type(record) for record in records] == [Document] * 20 for records in results)


def test_a_header_without_the_column_is_an_error() -> None:
    with pytest.raises(SourceError) as fault:
        read("body,lang\nx,sk\n")
    assert str(fault.value) == (
        "a.csv: no column 'text'; it has body, lang: "
        "name the right columns, the right delimiter or other files"
    )


@pytest.mark.parametrize("data", ["", "\n\n"])
def test_a_file_without_a_header_is_rejected(data: str) -> None:
    assert read(data) == [Rejection(position="a.csv", reason="no header row")]


def test_a_broken_header_is_rejected() -> None:
    assert read('"text"x,b\na,b\n') == [Rejection(position="a.csv:1", reason="text after a closing quote")]


@given(TEXT_BYTES)
def test_no_bytes_make_it_fail(data: bytes) -> None:
    for record in read(b"text\n" + data):
        assert isinstance(record, Document | Filtered | Rejection)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0"), min_size=1)))
def test_quoted_texts_come_back(texts: list[str]) -> None:
    kept = [text for text in texts if not text.isspace()]
    rows = "".join('"' + text.replace('"', '""') + '"\n' for text in kept)
    assert [record.text for record in read("text\n" + rows) if isinstance(record, Document)] == kept


def test_patterns_take_compressed_files_configurations_and_splits() -> None:
    names = dict.fromkeys(["a.csv", "en/train.csv.zst", "en/test.csv", "notes.txt"], b"")
    source = Csv(group="g", where=("here",))
    assert [file.name for file in source.select_files(memory_reader(names))] == [
        "a.csv",
        "en/train.csv.zst",
    ]
    narrow = Csv(group="g", where=("here",), config=("en",), split=("train",))
    assert [file.name for file in narrow.select_files(memory_reader(names))] == ["en/train.csv.zst"]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    return 2**16


@pytest.mark.parametrize(
    ("row", "excerpt"),
    [
        ("a" * 2**18, "a" * 200),
        ('"open\n' + "a" * 2**18, '"open\n' + "a" * 194),
        ("," * 2**18, "," * 200),
    ],
    ids=["one line", "in quotes", "many fields"],
)
def test_a_line_that_is_too_long_is_one_rejection(short: int, row: str, excerpt: str) -> None:
    data = gzip.compress(f"text,b\ngood,1\n{row}\ngood,2\n".encode())
    assert read(data, "a.csv.gz") == [
        Document(id="a.csv.gz#0", text="good", metadata={"b": "1"}),
        Rejection(position="a.csv.gz:3", reason="record too long", excerpt=excerpt),
        Document(id="a.csv.gz#2", text="good", metadata={"b": "2"}),
    ]


def test_a_row_of_many_lines_that_is_too_long_is_one_rejection(short: int) -> None:
    field = '"' + "a" * 500 + "\n" + "b" * 500 + '"'
    row = ",".join([field] * (short // 1_004 + 1))
    rejection = Rejection(position="a.csv:3", reason="record too long", excerpt='"' + "a" * 199)
    for rest in ("", ',"b\n\nc"', ',"' + "b\n" * short + '"', ',"b""\n"'):
        assert read(f"text\ngood\n{row}{rest}\ngood\n") == [
            Document(id="a.csv#0", text="good"),
            rejection,
            Document(id="a.csv#2", text="good"),
        ]
    assert read(f"text\n\n{row}\n{row[:-1]}") == [
        rejection,
        replace(rejection, position=f"a.csv:{3 + row.count(chr(10)) + 1}"),
    ]


def test_behind_a_row_that_is_too_long_a_quote_that_never_closes_takes_a_bounded_part_along(
    short: int,
) -> None:
    row = ",".join(['"' + "a" * 500 + "\n" + '"'] * (short // 500))
    _, *rest = read(f'text\n{row},"open\n' + ("x" * 999 + "\n") * (LONGEST_FIELD // 1_000 + 5))
    assert [type(record) for record in rest] == [Document] * 3


def test_a_header_that_is_too_long_is_rejected(short: int) -> None:
    assert read("text," * short + "\na\n") == [
        Rejection(position="a.csv:1", reason="record too long", excerpt="text," * 40)
    ]
