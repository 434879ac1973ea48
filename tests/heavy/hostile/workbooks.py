"""Workbooks, and columnar files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from tests.heavy.hostile.hostile_file import HostileFile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_CONTENT}.sharedStrings+xml"/></Types>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="data" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
_SHEET = (
    f'<worksheet xmlns="{_MAIN}"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c></row>'
)
_SHEET_END = "</sheetData></worksheet>"
_STRINGS = f'<sst xmlns="{_MAIN}">'
# The bytes that a part unpacks to: as many as are read.
_UNPACKED = 127 * 2**20

Unit = str | Callable[[int], str]


def _write_book(path: Path, size: int, *, part: str, head: str, unit: Unit, tail: str) -> None:
    """Write a workbook whose sheet or shared texts repeat a unit, up to a packed or an unpacked size."""
    others = {
        "xl/sharedStrings.xml": f"{_STRINGS}</sst>",
        "xl/worksheets/sheet1.xml": f'{_SHEET}<row><c t="s"><v>0</v></c></row>{_SHEET_END}',
    }
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        for name, content in (_PARTS | others).items():
            if name != part:
                book.writestr(name, content)
        with book.open(part, "w") as packed:
            unpacked = packed.write(head.encode())
            number = 0
            while unpacked < _UNPACKED and path.stat().st_size < size:
                block = (
                    unit * 10_000
                    if isinstance(unit, str)
                    else "".join(map(unit, range(number, number + 10_000)))
                )
                number += 10_000
                unpacked += packed.write(block.encode())
            packed.write(tail.encode())


def _make_sheet(name: str, head: str, unit: Unit, tail: str) -> HostileFile:
    write = partial(
        _write_book,
        part="xl/worksheets/sheet1.xml", head=_SHEET + head, unit=unit, tail=tail + _SHEET_END,
    )  # fmt: skip
    return HostileFile(name=f"xlsx-{name}", file_name="a.xlsx", write=write, options={"type": "excel"})


def _make_strings(name: str, head: str, unit: Unit, tail: str) -> HostileFile:
    write = partial(
        _write_book, part="xl/sharedStrings.xml", head=_STRINGS + head, unit=unit, tail=f"{tail}</sst>"
    )
    return HostileFile(name=f"xlsx-{name}", file_name="a.xlsx", write=write, options={"type": "excel"})


def _write_parquet(path: Path, size: int, *, value: str | None, rows: int) -> None:
    """Write row groups of one value, until the file has the size or has unpacked to gigabytes."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    table = pyarrow.table({"text": pyarrow.array([value] * rows, pyarrow.string())})
    with path.open("wb") as file, ParquetWriter(file, table.schema, compression="zstd") as writer:
        for _ in range(40):
            writer.write_table(table)
            if file.tell() > size:
                break


def _write_page(path: Path, size: int) -> None:
    """Write one page, which unpacks to a hundred times the size, or to a gigabyte."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"text": ["a" * (100 * size)]})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)


def _write_arrow(path: Path, size: int, *, value: str | None, rows: int, compression: str) -> None:
    """Write batches of one value, until the file has the size or has unpacked to gigabytes."""
    import pyarrow
    from pyarrow import ipc

    batch = pyarrow.record_batch({"text": pyarrow.array([value] * rows, pyarrow.string())})
    options = ipc.IpcWriteOptions(compression=compression)
    with path.open("wb") as file, ipc.new_file(file, batch.schema, options=options) as writer:
        for _ in range(40):
            writer.write_batch(batch)
            if file.tell() > size:
                break


def _make_columnar(name: str, file_name: str, write: Callable[..., None], **arguments: Any) -> HostileFile:
    return HostileFile(
        name=name, file_name=file_name, write=partial(write, **arguments), options={"type": "parquet"}
    )


_ATTRIBUTE = 'a{}="1"'
_INLINE = '<row><c t="inlineStr"><is><t>'
_INLINE_END = "</t></is></c></row>"
KINDS = (
    _make_sheet("empty-rows", "", "<row/>", ""),
    _make_sheet("rows", "", lambda i: f"{_INLINE}text number {i}{_INLINE_END}", ""),
    _make_sheet("rows-alike", "", "<row><c><v>1</v></c></row>", ""),
    _make_sheet("columns", "<row>", "<c><v>1</v></c>", "</row>"),
    _make_sheet("far-cells", "", '<row><c r="XFD1"><v>1</v></c></row>', ""),
    _make_sheet("long-text", _INLINE, "word ", _INLINE_END),
    _make_sheet("escapes", _INLINE, "_x0041_", _INLINE_END),
    _make_sheet("attributes", "<row", lambda i: f' a{i}="1"', "/>"),
    _make_sheet(
        "attributes-of-many",
        "",
        lambda i: f"<row{' '.join(('', *(_ATTRIBUTE.format(90 * i + n) for n in range(90))))}/>",
        "",
    ),
    _make_sheet("dates", "", '<row><c t="d"><v>2024-01-01T00:00:00</v></c></row>', ""),
    _make_sheet("long-date", '<row><c t="d"><v>', "1", "</v></c></row>"),
    _make_sheet("long-place", '<row><c r="', "A", '"><v>1</v></c></row>'),
    _make_sheet("places", "", lambda i: f'<row><c r="{"A" * 500}{i}"><v>1</v></c></row>', ""),
    _make_sheet("comment", "<!--", "x", "-->"),
    _make_sheet("other-elements", "", "<a/>", ""),
    _make_strings("empty-strings", "", "<si/>", ""),
    _make_strings("strings", "", lambda i: f"<si><t>{i}</t></si>", ""),
    _make_strings("wide-strings", "", f"<si><t>😀{'x' * 5_000}</t></si>", ""),
    _make_strings("runs", "<si>", "<r><t>x</t></r>", "</si>"),
    _make_columnar("parquet-one-value", "a.parquet", _write_parquet, value="word " * 20, rows=2**17),
    _make_columnar("parquet-long-value", "a.parquet", _write_parquet, value="word " * 20_000, rows=2**10),
    _make_columnar("parquet-one-page", "a.parquet", _write_page),
    _make_columnar("parquet-nulls", "a.parquet", _write_parquet, value=None, rows=2**20),
    _make_columnar("arrow-lz4", "a.arrow", _write_arrow, value="word " * 20, rows=2**20, compression="lz4"),
    _make_columnar(
        "arrow-long-value", "a.arrow", _write_arrow, value="word " * 2**20, rows=20, compression="zstd"
    ),
    _make_columnar("arrow-nulls", "a.arrow", _write_arrow, value=None, rows=2**20, compression="zstd"),
)
