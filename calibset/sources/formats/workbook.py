"""Rows of a spreadsheet (``.xlsx``), of bounded size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

LARGEST_WORKBOOK = 256 * 2**20
"""The most bytes that a workbook may unpack to."""

_MOST_ROWS = 2**20
_MOST_COLUMNS = 256
_PIECE = 2**16


def read_sheet(content: bytes, name: str) -> Iterator[tuple[str | None, ...]]:
    """Yield the rows of a workbook's sheet that are not blank, with their cells as text.

    Whatever openpyxl raises is passed on.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    book = load_workbook(_unpack(io.BytesIO(content)), read_only=True, data_only=True)
    sheet = book[name]
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
