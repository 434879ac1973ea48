"""Rows of a spreadsheet (``.xlsx``), of bounded size."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.storage.compression import open_decompressed, read_whole
from calibset.storage.file_names import list_some
from calibset.storage.files import File

if TYPE_CHECKING:
    from openpyxl.reader.excel import ExcelReader

    from calibset.sources.formats.sheet_xml import Row, UnreadableRow

LARGEST_WORKBOOK = 128 * 2**20
"""The most bytes that a sheet and the texts of its workbook may unpack to: some 3 million cells."""

# Tags of a sheet and of its workbook's texts, which take about a microsecond each; a cell has four.
MOST_TAGS = 6_000_000

_ARCHIVE = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_MOST_ROWS = 2**20
_MOST_COLUMNS = 256
_PIECE = 2**16
# Workbooks that are looked at for further sheets, and how many of these.
_MOST_WORKBOOKS, _MOST_SHEETS = 5, 10
# What openpyxl reads at once (the list of sheets, the styles) is none of the large parts. Excel itself allows
# 65,490 styles of a few tags each.
_LARGEST_PART = 16 * 2**20
_MOST_PART_TAGS = 200_000
_LARGEST_COPY = 64 * 2**20
_MOST_MEMBERS = 10_000


def is_workbook(file: File) -> bool:
    """Return whether a file is a workbook, or another archive, by its first bytes."""
    with open_decompressed(file) as stream:
        return stream.read(len(_ARCHIVE)) == _ARCHIVE


def read_table(
    file: File, sheet: str | None = None
) -> tuple[list[str], Iterator[dict[str, str | None] | Rejection]]:
    """Return the header of a workbook's sheet, which is its first row that isn't blank, and the rows below.

    Args:
        file: The workbook.
        sheet: The sheet's name; the first one if None.

    Raises:
        SourceError: The file is no workbook, or has no such sheet.
    """
    names, rows = read_rows(file, sheet, "name the right sheet, or other files")
    header = [(name or "").strip() for name in names]
    indices = {name: index for index, name in enumerate(header) if name and header.count(name) == 1}
    return header, (
        row
        if isinstance(row, Rejection)
        else {name: row[index] if index < len(row) else None for name, index in indices.items()}
        for row in rows
    )


def read_rows(file: File, sheet: str | None, remedy: str) -> tuple[Row, Iterator[Row | Rejection]]:
    """Return the first row of a workbook's sheet that is not blank, and those below it, as text.

    Of a row with a cell that can't be read a rejection is yielded.

    Raises:
        SourceError: The file is no workbook, or has no such sheet; the message ends on the remedy.
    """
    rows = _read_rows(file, sheet, remedy)
    first = next(rows, ())
    if isinstance(first, Rejection):
        raise SourceError(f"{file.name}: the first row has a {first.reason} ({first.excerpt!r}); {remedy}")
    return first, rows


def _read_rows(file: File, sheet: str | None, remedy: str) -> Iterator[Row | Rejection]:
    content = read_whole(file)
    if content.startswith(_OLD_WORKBOOK):
        raise SourceError(f"{file.name}: is a workbook of Excel before 2007; save it as .xlsx")
    try:
        # The first row isn't counted: it names the columns.
        for number, row in enumerate(read_sheet(content, sheet), start=-1):
            if isinstance(row, tuple):
                yield row
            else:
                yield Rejection(position=f"{file.name}#{number}", reason=row.reason, excerpt=row.excerpt)
    except Exception as error:  # openpyxl raises whatever it trips over
        reason = excerpt(" ".join(str(error).split()))
        raise SourceError(f"{file.name}: no readable workbook ({reason}); {remedy}") from error


def read_sheet(content: bytes, name: str | None) -> Iterator[Row | UnreadableRow]:
    """Yield the rows of a workbook's sheet that are not blank, up to their last cell, as text.

    Whatever openpyxl raises is passed on.
    """
    from openpyxl.xml.constants import SHARED_STRINGS

    from calibset.sources.formats.sheet_xml import read_cells, read_strings

    with ZipFile(io.BytesIO(content)) as archive:
        reader = _open_book(archive)
        sheets = _find_sheets(reader)
        if name is not None and name not in sheets:
            raise ValueError(f"no sheet {name!r}; it has {', '.join(sheets)}")
        budget = _Budget()
        strings = reader.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        texts = [] if strings is None else list(read_strings(budget.read(archive, strings.PartName[1:])))
        parts = budget.read(archive, sheets[name] if name is not None else next(iter(sheets.values())))
        length = 0
        for row in read_cells(parts, reader.wb, texts, (_MOST_ROWS, _MOST_COLUMNS)):
            if isinstance(row, tuple):
                # Cells may share a text that the workbook has once.
                length += sum(map(len, filter(None, row)))
                if length > LARGEST_WORKBOOK:
                    raise ValueError(f"its cells have more than {LARGEST_WORKBOOK:,} characters")
            yield row


def describe_other_sheets(files: Sequence[File], name: str | None, remedy: str) -> str | None:
    """Return a sentence on the sheets that are not read of the first workbook that has such; else None."""
    for file in files[:_MOST_WORKBOOKS]:
        read, others = list_other_sheets(file, name)
        if others:
            return (
                f"{file.name}: the sheet {read!r} is read, and not {list_some(map(repr, others))}; {remedy}"
            )
    return None


def list_other_sheets(file: File, name: str | None = None) -> tuple[str, list[str]]:
    """Return the sheet of a workbook that is read, and the others in which anything stands.

    Raises:
        SourceError: The file is no workbook.
    """
    content = read_whole(file)
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            names = list(_find_sheets(_open_book(archive)))
        read = name or names[0]
        others = [other for other in names if other != read][:_MOST_SHEETS]
        return read, [other for other in others if next(read_sheet(content, other), None) is not None]
    except Exception as error:  # openpyxl raises whatever it trips over
        reason = excerpt(" ".join(str(error).split()))
        raise SourceError(f"{file.name}: no readable workbook ({reason})") from error


def _open_book(archive: ZipFile) -> ExcelReader:
    """Return the reader of a workbook, which has read all but its sheets and their texts."""
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.stylesheet import apply_stylesheet

    reader = ExcelReader(_copy_small_parts(archive), read_only=True, data_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    return reader


def _find_sheets(reader: ExcelReader) -> dict[str, str]:
    """Return the sheets' parts of the archive by their names."""
    return {
        sheet.name: relation.target
        for sheet, relation in reader.parser.find_sheets()
        if relation.target in reader.valid_files and "chartsheet" not in relation.Type
    }


class _Budget:
    """The bytes and tags that the large parts of a workbook may have together."""

    def __init__(self) -> None:
        self._size = 0
        self._tags = 0

    def read(self, archive: ZipFile, name: str) -> Iterator[bytes]:
        """Yield a part unpacked, a few bytes at a time: the size that it states may be false."""
        with archive.open(_find_member(archive, name)) as packed:
            while piece := packed.read(_PIECE):
                self._size += len(piece)
                self._tags += piece.count(b"<")
                if self._size > LARGEST_WORKBOOK:
                    raise ValueError(f"it unpacks to more than {LARGEST_WORKBOOK:,} bytes; save it as CSV")
                if self._tags > MOST_TAGS:
                    raise ValueError(f"it has more than {MOST_TAGS:,} tags; save it as CSV")
                yield piece


def _copy_small_parts(archive: ZipFile) -> BinaryIO:
    """Return an archive of the parts that may be read at once, unpacked; the others are empty in it."""
    copied = io.BytesIO()
    size = 0
    members = {member.filename: member for member in archive.infolist()}
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has more than {_MOST_MEMBERS:,} members")
    with ZipFile(copied, "w", ZIP_STORED) as copy:
        for name in members:
            part = io.BytesIO()
            tags = 0
            with archive.open(_find_member(archive, name)) as packed:
                while piece := packed.read(_PIECE):
                    part.write(piece)
                    tags += piece.count(b"<")
                    if part.tell() > _LARGEST_PART or tags > _MOST_PART_TAGS:
                        part = io.BytesIO()
                        break
            size += part.tell()
            if size > _LARGEST_COPY:
                raise ValueError(f"its small parts unpack to more than {_LARGEST_COPY:,} bytes")
            copy.writestr(name, part.getvalue())
    copied.seek(0)
    return copied


def _find_member(archive: ZipFile, name: str) -> ZipInfo:
    member = archive.getinfo(name)
    # Of other methods than these the library unpacks all at once.
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError("a member is packed in another way than a workbook's")
    return member
