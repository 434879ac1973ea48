from __future__ import annotations

import bz2
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.documents import Document, Record, Rejection
from calibset.sources.adapters.text import Text
from calibset.storage import text_lines
from calibset.storage.files import memory_reader


def read(data: bytes, name: str = "a.txt", **options: Any) -> list[Record]:
    (file,) = memory_reader({name: data}).files("*")
    return list(Text(group="g", where=("here",), **options).read(file))


def test_a_file_is_a_document() -> None:
    assert read("\ufeffŠkoda\r\n\r\nveľká\n".encode()) == [Document(id="a.txt", text="Škoda\n\nveľká")]
    assert read(bz2.compress(b"one"), "b/a.txt.bz2") == [Document(id="b/a.txt.bz2", text="one")]


def test_an_empty_file_is_rejected() -> None:
    assert read(b" \n") == [Rejection(position="a.txt", reason="empty text")]
    assert read(b"") == [Rejection(position="a.txt", reason="empty text")]


def test_a_separator_line_splits() -> None:
    assert read(b"one\nmore\n ---\n\n---\nthree --- 3\n", separator="---") == [
        Document(id="a.txt#0", text="one\nmore"),
        Rejection(position="a.txt:4", reason="empty text"),
        Document(id="a.txt#2", text="three --- 3"),
    ]


def test_blank_lines_split() -> None:
    assert read(b"\none\nmore\n \n\n\ntwo\n\n", separator="") == [
        Document(id="a.txt#0", text="one\nmore"),
        Document(id="a.txt#1", text="two"),
    ]


@given(st.lists(st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1), min_size=1))
def test_splitting_undoes_joining(parts: list[str]) -> None:
    whole = "\n%%\n".join(parts).encode()
    expected = [part for part in parts if part != "%%"]
    if expected == parts:
        assert [
            record.text for record in read(whole, separator="%%") if isinstance(record, Document)
        ] == parts


@given(st.binary(), st.sampled_from([None, "", "-"]))
def test_no_bytes_make_it_fail(data: bytes, separator: str | None) -> None:
    for record in read(data, separator=separator):
        assert isinstance(record, Document | Rejection)


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
