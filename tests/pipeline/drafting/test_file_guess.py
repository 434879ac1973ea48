"""How a file is read, by its bytes, its columns and its name."""

from __future__ import annotations

import bz2
import gzip
import io
import json

import openpyxl
import pytest

from calibset.pipeline.drafting.file_guess import FileGuess, guess_file
from calibset.pipeline.drafting.file_kinds import Unread
from calibset.storage import memory_reader
from tests.own_data import say

TURNS = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hi."}]
ROWS = [{"question": f"{i}?", "answer": say(i, 1)} for i in range(3)]
GERMAN = "Grüße aus München, die Prämie ist fällig."
SLOVAK = "Škoda je malá, čo je dobré; žiaľ, kôň ľahol."
SIDES = {"user": "question", "assistant": "answer"}
TWICE = "2 columns are named 'Antwort'; rename all but one"
TITLE = "the first line looks like a title and not like column names; delete the lines above the header"


def workbook(*rows: tuple[str, ...]) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(stream)
    return stream.getvalue()


def guess(name: str, content: bytes) -> FileGuess | Unread:
    (file,) = memory_reader({name: content}).files("*")
    return guess_file(file)


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("name", "content", "type_", "keys"),
    [
        ("a.md", "Grüße".encode(), "text", {}),
        ("a.txt", GERMAN.encode("cp1252"), "text", {"encoding": "cp1252"}),
        ("a.txt", SLOVAK.encode("cp1250"), "text", {"encoding": "cp1250"}),
        ("a.txt", "Grüße".encode("utf-16"), "text", {}),
        ("a.txt.gz", gzip.compress(b"1<|endoftext|>2", mtime=0), "text", {"separator": "<|endoftext|>"}),
        ("A.JSONL", lines(*ROWS), "jsonl", {"columns": SIDES}),
        ("a.json", json.dumps(ROWS).encode(), "jsonl", {"columns": SIDES}),
        ("a.json", json.dumps({"v": 1, "paragraphs": {"qas": ROWS}}).encode(), "jsonl",
         {"columns": SIDES, "rows_at": "paragraphs.qas"}),
        ("a.jsonl", lines({"messages": TURNS}), "chat", {}),
        ("a.jsonl.bz2", bz2.compress(lines({"dialog": TURNS})), "chat", {"messages": "dialog"}),
        ("a.jsonl", lines({"instruction": "Go.", "output": "Gone.", "history": []}), "alpaca", {}),
        ("a.csv", b"text\nOne, two\nthree, four\n", "csv", {"columns": ("text",), "delimiter": ";"}),
        ("a.tsv", b"id\ttext\n1\tOne, two; three\n", "csv", {"columns": ("text",), "delimiter": "\t"}),
        ("a.csv", b'q,text\n1,"Say \\"no, never\\" twice"\n', "csv", {"columns": ("text",), "escape": "\\"}),
        ("a.csv", b";text;;\n1;One, two;;\n", "csv", {"columns": ("text",), "delimiter": ";"}),
        ("a.csv", b",Vertrag\n0,Der Mieter zahlt.\n", "csv", {"columns": ("Vertrag",)}),
        ("a.csv", b"sep=;\r\nid;text\r\n1;One, two\r\n", "csv", {"columns": ("text",)}),
        ("a.owl", b"@prefix : <x> .", "ontology", {}),
        ("wiki_00", b'<doc id="1" url="u" title="t">\nt\n\nBody\n</doc>\n', "wikipedia", {}),
    ],
)  # fmt: skip
def test_what_is_inside_tells(name: str, content: bytes, type_: str, keys: dict[str, object]) -> None:
    found = guess(name, content)
    assert isinstance(found, FileGuess), found
    assert (found.type, dict(found.keys)) == (type_, keys)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b" \n", "empty"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document; save it as .txt or .csv"),
        ("a.txt", b"%PDF-1.4", "a PDF; take its text out first (pdftotext FILE.pdf)"),
        ("a.zip", b"PK\x03\x04", "a ZIP archive and no text; unpack it"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\n",
         "a Git LFS pointer, not the file itself; run `git lfs pull`"),
        ("a.csv", b"<!DOCTYPE html><html>", "a web page (HTML); give it the ending .html"),
        ("a.csv", b"text\n", "holds no row below its header"),
        ("a.csv", b"id;Frage;Antwort;Antwort\n1;Was?;Das.;Dies.\n", TWICE),
        ("a.csv", b"Antwort;Antwort\nDas.;Dies.\n", TWICE),
        ("a.csv", b"Frage,Antwort,Antwort\nWas?,Das.,Dies.\n", TWICE),
        ("a.xlsx", workbook(("Frage", "Antwort", "Antwort"), ("Was?", "Das.", "Dies.")), TWICE),
        ("a.csv", b"FAQ, Stand 2026;\n;\nFrage;Antwort\nWas?;Das.\n", TITLE),
        ("a.csv", b"FAQ, Stand 2026;;\nFrage;Antwort;Quelle\nWas?;Das.;Hier\n", TITLE),
        ("a.xlsx", workbook(("FAQ",), ("Frage", "Antwort"), ("Was?", "Das.")), TITLE),
        ("a.csv", b"n,m\n1,2\n", "none of its columns holds text"),
        ("a.json", b'{"version": 3}', "holds a single JSON object, and no rows"),
        ("a.jsonl", b"[1]\n[2]\n", "holds no JSON objects"),
        ("a.txt", b"ab\0\1\2cd", "is not text, whatever its name says"),
        ("a.log", b"12:00 started", "its ending .log is not known"),
        ("docs/README.md", b"# Data", "says something about the data"),
    ],
)  # fmt: skip
def test_what_is_not_read_has_a_reason(name: str, content: bytes, reason: str) -> None:
    assert guess(name, content) == Unread(name, reason)


@pytest.mark.parametrize(
    ("content", "is_assumed"),
    [
        (b"text\n" + b"plain words\n" * 6000, True),
        (b"text\n" + b"plain words\n" * 60, False),
        ("text\nGrüße\n".encode() + b"plain words\n" * 6000, False),
    ],
)
def test_utf8_is_assumed_where_no_letter_tells_and_more_comes(content: bytes, is_assumed: bool) -> None:
    found = guess("a.csv", content)
    assert isinstance(found, FileGuess)
    assert (found.assumes_utf8, "encoding" in found.keys) == (is_assumed, False)


@pytest.mark.parametrize(
    ("name", "content", "left"),
    [
        ("a.jsonl", lines(*({**row, "id": 7, "meta": {"a": 1}} for row in ROWS)), ("id", "meta")),
        ("a.jsonl", lines({"messages": TURNS, "tools": [], "topic": "hail"}), ("topic",)),
        ("a.jsonl", lines({"translation": {"sk": GERMAN * 3}, "n": 1}), ("n",)),
        ("a.csv", b"Nr;Frage;Antwort\n1;Was?;Das.\n", ("Nr",)),
        ("a.xlsx", workbook(("Frage", "Antwort", "Datum"), ("Was?", "Das.", "2024")), ("Datum",)),
    ],
)
def test_columns_that_are_left_out_are_named(name: str, content: bytes, left: tuple[str, ...]) -> None:
    found = guess(name, content)
    assert isinstance(found, FileGuess)
    assert found.left_columns == left


def test_sheets_that_are_left_out_are_named() -> None:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.worksheets[0].append(("Frage", "Antwort"))
    book.worksheets[0].append(("Was?", "Das."))
    book.create_sheet("Alt").append(("x",))
    book.create_sheet("Leer")
    book.save(stream)
    found = guess("a.xlsx", stream.getvalue())
    assert isinstance(found, FileGuess)
    assert found.left_sheets == ("Alt",)
