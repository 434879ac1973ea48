from __future__ import annotations

import io
import re
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters.excel import Excel
from calibset.storage.files import memory_reader


def workbook(**sheets: list[list[Any]]) -> bytes:
    book, sink = Workbook(), io.BytesIO()
    assert book.active is not None
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(sink)
    return sink.getvalue()


def read(data: bytes, **options: Any) -> list[Record]:
    (file,) = memory_reader({"a.xlsx": data}).files("*")
    return list(Excel.model_validate({"group": "g", "where": "here", **options}).read(file))


def test_the_first_row_that_is_not_blank_names_the_columns() -> None:
    rows = [[], [" text ", "year", None], ["Hail", 2024, None], [], [None, 2025, None], ["Rain", None, None]]
    assert read(workbook(first=rows, second=[["text"], ["x"]])) == [
        Document(id="a.xlsx#0", text="Hail", metadata={"year": "2024"}),
        Filtered(position="a.xlsx#1", reason="empty text"),
        Document(id="a.xlsx#2", text="Rain"),
    ]


def test_a_sheet_by_its_name_as_conversations() -> None:
    data = workbook(notes=[["x"], ["y"]], faq=[["Frage", "Antwort"], ["Zahlt ihr?", "Ja."]])
    (record,) = read(data, sheet="faq", columns={"user": "Frage", "assistant": "Antwort"})
    assert isinstance(record, Conversation)
    assert [message.content for message in record.messages] == ["Zahlt ihr?", "Ja."]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (workbook(a=[["text"]]), {"sheet": "b"},
         "a.xlsx: no readable workbook (no sheet 'b'; it has a); name the right sheet, or other files"),
        (workbook(a=[["body", "n"], ["x", 1]]), {},
         "a.xlsx: no column 'text'; it has body, n: name the right columns, the right sheet or other files"),
        (workbook(a=[["text", "text"], ["x", "y"]]), {},
         "a.xlsx: 2 columns are named 'text'; rename all but one"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", {},
         "a.xlsx: is a workbook of Excel before 2007; save it as .xlsx"),
        (b"text;n\n", {},
         "a.xlsx: no readable workbook (File is not a zip file); name the right sheet, or other files"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(data: bytes, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(data, **options)
    assert str(caught.value) == message


def damage(data: bytes, right: bytes, wrong: bytes) -> bytes:
    """Return a workbook with a text of its first sheet replaced."""
    sink = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as book, ZipFile(sink, "w") as damaged:
        for name in book.namelist():
            damaged.writestr(name, book.read(name).replace(right, wrong))
    return sink.getvalue()


def test_a_row_with_a_cell_that_is_not_readable_is_rejected_and_the_rest_is_read() -> None:
    data = workbook(a=[["text", "year"], ["Hail", 2023], ["Snow", 2024], ["Rain", 2025]])
    assert read(damage(data, b"<v>2024</v>", b"<v>MMXXIV</v>")) == [
        Document(id="a.xlsx#0", text="Hail", metadata={"year": "2023"}),
        Rejection(position="a.xlsx#1", reason="cell that is no readable number", excerpt="MMXXIV"),
        Document(id="a.xlsx#2", text="Rain", metadata={"year": "2025"}),
    ]


def test_a_first_row_that_is_not_readable_names_no_columns() -> None:
    data = damage(workbook(a=[["text", 2024], ["Hail", 1]]), b"<v>2024</v>", b"<v>MMXXIV</v>")
    message = (
        "a.xlsx: the first row has a cell that is no readable number ('MMXXIV'); name the right sheet, or "
        "other files"
    )
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        read(data)
