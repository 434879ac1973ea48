"""Rows of a spreadsheet (``.xlsx``), of bounded size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.storage.compression import open_decompressed, read_whole
from calibset.storage.files import File

LARGEST_WORKBOOK = 256 * 2**20
"""The most bytes that a workbook may unpack to."""

_ARCHIVE = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_MOST_ROWS = 2**20
_MOST_COLUMNS = 256
_PIECE = 2**16


def is_workbook(file: File) -> bool:
    """Return whether a file is a workbook, or another archive, by its first bytes."""
    with open_decompressed(file) as stream:
        return stream.read(len(_ARCHIVE)) == _ARCHIVE


def read_table(file: File, sheet: str | None = None) -> tuple[list[str], Iterator[dict[str, str | None]]]:
    """Return the header of a workbook's sheet, which is its first row that isn't blank, and the rows below.

    Args:
        file: The workbook.
        sheet: The sheet's name; the first one if None.

    Raises:
        SourceError: The file is no workbook, or has no such sheet.
    """
    rows = read_rows(file, sheet, "name the right sheet, or other files")
    header = [(name or "").strip() for name in next(rows, ())]
    indices = {name: index for index, name in enumerate(header) if name and header.count(name) == 1}
    return header, ({name: row[index] for name, index in indices.items()} for row in rows)


def read_rows(file: File, sheet: str | None, remedy: str) -> Iterator[tuple[str | None, ...]]:
    """Yield the rows of a workbook's sheet that are not blank, with their cells as text.

    Raises:
        SourceError: The file is no workbook, or has no such sheet; the message ends on the remedy.
    """
    content = read_whole(file)
    if content.startswith(_OLD_WORKBOOK):
        raise SourceError(f"{file.name}: is a workbook of Excel before 2007; save it as .xlsx")
    try:
        yield from read_sheet(content, sheet)
    except Exception as error:  # openpyxl raises whatever it trips over
        reason = excerpt(" ".join(str(error).split()))
        raise SourceError(f"{file.name}: no readable workbook ({reason}); {remedy}") from error


def read_sheet(content: bytes, name: str | None) -> Iterator[tuple[str | None, ...]]:
    """Yield the rows of a workbook's sheet that are not blank, with their cells as text.

    Whatever openpyxl raises is passed on.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    book = load_workbook(_unpack(io.BytesIO(content)), read_only=True, data_only=True)
    if name is not None and name not in book.sheetnames:
        raise ValueError(f"no sheet {name!r}; it has {', '.join(book.sheetnames)}")
    sheet = book.worksheets[0] if name is None else book[name]
    # Up to a cell far off all is filled with empty ones.
    rows = min(sheet.max_row or _MOST_ROWS, _MOST_ROWS)
    columns = min(sheet.max_column or _MOST_COLUMNS, _MOST_COLUMNS)
    length = 0
    for row in sheet.iter_rows(max_row=rows, max_col=columns, values_only=True):
        if row.count(None) == len(row):
            continue
        # Cells may share a text that the workbook has once.
        length += sum(len(cell) for cell in row if isinstance(cell, str))
        if length > LARGEST_WORKBOOK:
            raise ValueError(f"its cells have more than {LARGEST_WORKBOOK:,} characters")
        yield tuple(None if cell is None else unescape(str(cell)) for cell in row)


def _unpack(stream: BinaryIO) -> BinaryIO:
    """Return the archive with its members unpacked: the sizes that it states may be false."""
    plain = io.BytesIO()
    size = 0
    with ZipFile(stream) as archive, ZipFile(plain, "w", ZIP_STORED) as copy:
        for member in archive.infolist():
            # Of other methods than these the library unpacks all at once.
            if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise ValueError("a member is packed in another way than a workbook's")
            with archive.open(member) as packed, copy.open(member.filename, "w") as unpacked:
                while piece := packed.read(_PIECE):
                    size += unpacked.write(piece)
                    if size > LARGEST_WORKBOOK:
                        raise ValueError(f"it unpacks to more than {LARGEST_WORKBOOK:,} bytes")
    plain.seek(0)
    return plain
