from __future__ import annotations

import bz2
import gzip
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.sources.adapters.text import Text
from calibset.sources.sampling.line_blocks import LineBlock
from calibset.storage import text_lines
from calibset.storage.files import memory_reader
from tests.text_bytes import TEXT_BYTES


def read(data: bytes, name: str = "a.txt", **options: Any) -> list[Record]:
    (file,) = memory_reader({name: data}).files("*")
    return list(Text(group="g", where=("here",), **options).read(file))


def test_a_file_is_a_document() -> None:
    assert read("\ufeffŠkoda\r\n\r\nveľká\n".encode()) == [Document(id="a.txt", text="Škoda\n\nveľká")]
    assert read(bz2.compress(b"one"), "b/a.txt.bz2") == [Document(id="b/a.txt.bz2", text="one")]


def test_an_empty_file_is_filtered() -> None:
    assert read(b" \n") == [Filtered(position="a.txt", reason="empty text")]
    assert read(b"") == [Filtered(position="a.txt", reason="empty text")]


def test_a_separator_line_splits() -> None:
    assert read(b"one\nmore\n ---\n\n---\nthree --- 3\n", separator="---") == [
        Document(id="a.txt#0", text="one\nmore"),
        Filtered(position="a.txt:4", reason="empty text"),
        Document(id="a.txt#2", text="three --- 3"),
    ]


def test_blank_lines_split() -> None:
    assert read(b"\none\nmore\n \n\n\ntwo\n\n", separator="") == [
        Document(id="a.txt#0", text="one\nmore"),
        Document(id="a.txt#1", text="two"),
    ]


PAGES = "\fStrana 1\n\nÚvod\n\fStrana 2\n\f  \n\fStrana 4, a\fStrana 5\n\f"


def test_form_feeds_divide_pages_wherever_they_are() -> None:
    assert read(PAGES.encode(), separator="\f") == [
        Document(id="a.txt#0", text="Strana 1\n\nÚvod"),
        Document(id="a.txt#1", text="Strana 2"),
        Document(id="a.txt#2", text="Strana 4, a"),
        Document(id="a.txt#3", text="Strana 5"),
    ]


def test_a_mark_divides_a_line_too() -> None:
    data = b"one<|endoftext|>two\n<|endoftext|>\nthree\n<|endoftext|>"
    assert [
        record.text for record in read(data, separator="<|endoftext|>") if isinstance(record, Document)
    ] == [
        "one",
        "two",
        "three",
    ]


def test_a_page_with_a_fault_is_rejected_and_the_others_are_read() -> None:
    assert read(b"one\n\ftw\xf4\n\fthree", separator="\f") == [
        Document(id="a.txt#0", text="one"),
        Rejection(position="a.txt:2", reason="not valid UTF-8", excerpt="tw\ufffd"),
        Document(id="a.txt#2", text="three"),
    ]


@pytest.mark.parametrize(
    ("separator", "reason"),
    [
        *((blank, 'a line with letters, or ""') for blank in ("\t", "   ", "\n", "\f\f")),
        ("a\nb", "a single line"),
        ("--\r--", "a single line"),
    ],
)
def test_a_separator_that_no_line_can_be_is_a_fault(separator: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Text(group="g", where=("here",), separator=separator)


@pytest.mark.parametrize("separator", ["\f", "<sep>"])
def test_blocks_of_a_file_divided_by_marks_give_its_parts(separator: str) -> None:
    text = "".join(
        f"{separator}part {number}\nand more{separator * (number % 7 == 0)}\n" for number in range(200)
    )
    source = Text(group="g", where=("x",), separator=separator)
    (file,) = memory_reader({"a.txt": text.encode()}).files("*")
    blocks = [LineBlock(file, start, start + 100) for start in range(0, len(text), 100)]
    loaded = filter(None, (block.load(source.start_rule(file)) for block in blocks))
    parts = [record.text for block in loaded for record in source.read(block) if isinstance(record, Document)]
    assert parts == [f"part {number}\nand more" for number in range(200)]


def test_blocks_of_a_file_in_another_encoding() -> None:
    text = "".join(f"časť {number}\n§§\n" for number in range(200))
    source = Text(group="g", where=("x",), separator="§§", encoding="cp1250")
    (file,) = source.select_files(memory_reader({"a.txt": text.encode("cp1250")}))
    blocks = [LineBlock(file, start, start + 100) for start in range(0, len(text), 100)]
    loaded = filter(None, (block.load(source.start_rule(file)) for block in blocks))
    parts = [record.text for block in loaded for record in source.read(block) if isinstance(record, Document)]
    assert parts == [f"časť {number}" for number in range(200)]


@given(st.lists(st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1), min_size=1))
def test_splitting_undoes_joining(parts: list[str]) -> None:
    whole = "\n%%\n".join(parts).encode()
    expected = [part for part in parts if part != "%%"]
    if expected == parts:
        assert [
            record.text for record in read(whole, separator="%%") if isinstance(record, Document)
        ] == parts


@given(TEXT_BYTES, st.sampled_from([None, "", "-"]))
def test_no_bytes_make_it_fail(data: bytes, separator: str | None) -> None:
    for record in read(data, separator=separator):
        assert isinstance(record, Document | Filtered | Rejection)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(text_lines, "MAX_RECORD_BYTES", 2**16)
    return 2**16


@pytest.mark.parametrize("line", [b"a" * 999, b"a" * 2**18], ids=["many lines", "one line"])
def test_a_file_that_is_too_long_is_one_rejection(short: int, line: bytes) -> None:
    packed = bz2.compress((line + b"\n") * 100)
    expected = Rejection(position="a.txt.bz2", reason="record too long", excerpt="a" * 200)
    assert read(packed, "a.txt.bz2") == [expected]
    assert read((line + b"\n") * 100) == [replace(expected, position="a.txt")]


def test_nothing_is_read_behind_the_bound(short: int) -> None:
    packed = bz2.compress(b"a" * 4 * short + b"\n") + bz2.compress(b"b" * short)[:-20]
    assert [record.reason for record in read(packed, "a.txt.bz2") if isinstance(record, Rejection)] == [
        "record too long"
    ]


@pytest.mark.parametrize("line", [b"a" * 999, b"a" * 2**18], ids=["many lines", "one line"])
def test_a_part_that_is_too_long_is_one_rejection(short: int, line: bytes) -> None:
    packed = bz2.compress(b"one\n---\ntwo\n" + (line + b"\n") * 100 + b"more\n---\nthree")
    assert read(packed, "a.txt.bz2", separator="---") == [
        Document(id="a.txt.bz2#0", text="one"),
        Rejection(position="a.txt.bz2:3", reason="record too long", excerpt="two\n" + "a" * 196),
        Document(id="a.txt.bz2#2", text="three"),
    ]


def test_texts_of_every_usual_kind_are_read_by_default() -> None:
    names = ("a.txt", "b.md", "c.rst", "d.html", "e.htm", "f.MD", "g.md.gz", "h.markdown")
    contents = {name: gzip.compress(b"Hail.") if name.endswith("gz") else b"Hail." for name in names}
    source = Text(group="g", where=("x",))
    records = source.read_in_order(memory_reader({**contents, "README.md": b"About it.", "i.pdf": b"%PDF-"}))
    assert list(records) == [Document(id=name, text="Hail.") for name in sorted(names)]
