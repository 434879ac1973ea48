from __future__ import annotations

import bz2
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from calibset.document import Document, Record, Rejection
from calibset.sources.text import Text
from calibset.storage.files import in_memory


def read(data: bytes, name: str = "a.txt", **options: Any) -> list[Record]:
    (file,) = in_memory({name: data}).files("*")
    return list(Text(group="g", where=("here",), **options).read(file))


def test_a_file_is_a_document() -> None:
    assert read("\ufeffŠkoda\r\n\r\nveľká\n".encode()) == [Document(id="a.txt", text="Škoda\n\nveľká")]
    assert read(bz2.compress(b"one"), "b/a.txt.bz2") == [Document(id="b/a.txt.bz2", text="one")]


def test_an_empty_file_is_rejected() -> None:
    assert read(b" \n") == [Rejection(place="a.txt", reason="empty text")]
    assert read(b"") == [Rejection(place="a.txt", reason="empty text")]


def test_a_separator_line_splits() -> None:
    assert read(b"one\nmore\n ---\n\n---\nthree --- 3\n", separator="---") == [
        Document(id="a.txt#0", text="one\nmore"),
        Rejection(place="a.txt:4", reason="empty text"),
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
