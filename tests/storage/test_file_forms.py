from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from calibset.core.errors import SourceError
from calibset.storage.compression import open_decompressed
from calibset.storage.text_lines import read_lines
from tests.storage.packed import PACKERS, file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
TABLE = pyarrow.table({"text": ["one"]})


def lines_of(content: bytes, name: str) -> list[object]:
    return list(read_lines(file(content, name)))


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.gz", "rows.xz", "ROWS.ZST"])
def test_a_file_is_unpacked_by_what_it_holds(suffix: str, name: str) -> None:
    assert lines_of(PACKERS[suffix](b"one\ntwo\n"), name) == ["one", "two"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_plain_file_is_plain_whatever_its_name(suffix: str) -> None:
    assert lines_of("jeden\ndvanásť\n".encode(), f"rows.jsonl{suffix}") == ["jeden", "dvanásť"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.txt.gz"])
def test_a_pointer_of_git_is_told_as_such(name: str) -> None:
    with pytest.raises(SourceError) as caught, open_decompressed(file(POINTER, name)):
        pass
    assert str(caught.value) == (
        f"{name}: a Git LFS pointer and not the file itself; run `git lfs pull` where it was cloned"
    )


def test_a_text_about_pointers_is_a_text() -> None:
    text = POINTER.decode().splitlines()[0]
    assert lines_of(f"{text}\n".encode(), "a.txt") == [text]


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def parquet(stream: io.BytesIO) -> None:
    pyarrow.parquet.write_table(TABLE, stream)


def arrow_file(stream: io.BytesIO) -> None:
    with pyarrow.ipc.new_file(stream, TABLE.schema) as writer:
        writer.write_table(TABLE)


def arrow_stream(stream: io.BytesIO) -> None:
    with pyarrow.ipc.new_stream(stream, TABLE.schema) as writer:
        writer.write_table(TABLE)


def workbook(stream: io.BytesIO) -> None:
    from openpyxl import Workbook

    Workbook().save(stream)


def archive(stream: io.BytesIO) -> None:
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("rows.csv", "text")


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (parquet, "Parquet and no text; give it the ending .parquet"),
        (arrow_file, "Arrow and no text; give it the ending .arrow"),
        (arrow_stream, "Arrow and no text; give it the ending .arrow"),
        (
            workbook,
            'an Office document (.xlsx or .docx) and no text; read a workbook with type = "excel", and save '
            "others as text",
        ),
        (archive, "a ZIP archive and no text; unpack it"),
        (lambda stream: stream.write(b"%PDF-1.7"), "PDF and no text; save it as text"),
        (
            lambda stream: stream.write(gzip.compress(gzip.compress(b"one"))),
            "compressed twice; unpack it once",
        ),
        (
            lambda stream: stream.write(b"\n<!DOCTYPE html>\n<html><body>404"),
            "a web page (HTML) and not the file; fetch what the page links to",
        ),
    ],
)
def test_what_is_no_text_is_told_as_what_it_is(write: Callable[[io.BytesIO], object], form: str) -> None:
    with pytest.raises(SourceError) as caught:
        lines_of(written(write), "rows.csv")
    assert str(caught.value) == f"rows.csv: {form}, or leave it out with files = [...]"


@pytest.mark.parametrize(
    "content", [b"<p>html is not read here</p>", b"<htmlish>", b"", "PÄR1".encode(), b"PK"]
)
def test_text_that_looks_a_little_like_something_else_is_text(content: bytes) -> None:
    assert lines_of(content, "a.txt") == ([content.decode()] if content else [])
