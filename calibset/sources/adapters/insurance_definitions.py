"""Definitions of insurance contracts: one corpus that is published in three forms."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, ClassVar, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from calibset.core.documents import Document, Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.text import replace_surrogates
from calibset.sources.base import Source
from calibset.sources.formats.columns import EXCERPT_LENGTH
from calibset.sources.formats.json_files import json_text
from calibset.storage.files import File, Reader, RecordLines, read_lines, read_whole

LARGEST_WORKBOOK = 256 * 2**20
"""Bytes that a workbook may unpack to."""

_MOST_ROWS = 2**20
_MOST_COLUMNS = 256
_PIECE = 2**16

Definition = tuple[Any, Any, Any, Any]
"""Term, definition, line of business, country."""

_REMEDY = "fetch it again, or name another form with files = [...]"


class InsuranceDefinitions(Source):
    """A document a definition: the term, then what a contract says of it.

    All forms give the same documents, so only the first of them that is there is read.
    """

    summary: ClassVar[str] = "definitions of insurance contracts (data.json, raw.txt or a workbook)"

    type: Literal["insurance-definitions"] = "insurance-definitions"

    def patterns(self) -> tuple[str, ...]:
        """Return the names of the corpus's forms, the richest first."""
        return ("data.json", "raw.txt", "*.xlsx")

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files that the recipe names, else those of the first form that is there."""
        found = super().select_files(reader)
        forms = [] if self.files else [
            tuple(file for file in found if fnmatchcase(file.name, pattern)) for pattern in self.patterns()
        ]  # fmt: skip
        return next(filter(None, forms), found)

    def read(self, file: File) -> Iterator[Record]:
        """Yield the definitions; ids are ``TERM#N``, N counted from 0 within the term.

        Raises:
            SourceError: The file is damaged or of another kind.
        """
        if file.stem.endswith(".json"):
            definitions: Iterator[Definition | Rejection] = _from_json(file)
        elif file.stem.endswith(".xlsx"):
            definitions = _from_workbook(file)
        else:
            definitions = _from_text(file)
        return _records(file, definitions)


def _records(file: File, definitions: Iterable[Definition | Rejection]) -> Iterator[Record]:
    seen: Counter[str] = Counter()
    for found in definitions:
        if isinstance(found, Rejection):
            yield found
            continue
        term, definition, lob, country = found
        name = replace_surrogates(term).strip() if isinstance(term, str) else ""
        id_ = f"{name}#{seen[name]}"
        seen[name] += 1
        position = f"{file.name}: {id_[:EXCERPT_LENGTH]}"
        if not name:
            yield Rejection(position=position, reason="no term", excerpt=str(definition)[:EXCERPT_LENGTH])
        elif not isinstance(definition, str | None):
            yield Rejection(
                position=position, reason="definition is no text", excerpt=type(definition).__name__
            )
        elif not (text := replace_surrogates(definition or "").strip()):
            yield Rejection(position=position, reason="empty definition", excerpt=name[:EXCERPT_LENGTH])
        else:
            said = {"lob": lob, "country": country}
            metadata = {
                key: replace_surrogates(value)
                for key, value in said.items()
                if value and isinstance(value, str)
            }
            yield Document(id=id_, text=f"{name}\n{text}", metadata=metadata)


def _from_json(file: File) -> Iterator[Definition]:
    text = json_text(file)
    try:
        words = json.loads(text).get("WORDS")
    except (ValueError, RecursionError, AttributeError) as fault:
        raise SourceError(f"{file.name}: not valid JSON ({fault}); {_REMEDY}") from fault
    if not isinstance(words, dict):
        raise SourceError(f"{file.name}: no object under the key 'WORDS'; {_REMEDY}")
    for term, entry in words.items():
        entry = entry if isinstance(entry, dict) else {"defs": [entry]}  # noqa: PLW2901
        full, short = entry.get("fullDefs"), entry.get("defs")
        for item in full if isinstance(full, list) and full else short if isinstance(short, list) else [None]:
            if isinstance(item, dict):
                yield term, item.get("def"), item.get("lob"), item.get("country")
            else:
                yield term, item, None, None


def _from_text(file: File) -> Iterator[Definition | Rejection]:
    block = RecordLines(f"{file.name}:1")
    for number, line in enumerate(read_lines(file), start=1):
        if line == "---":
            yield _told(block.text())
            block = RecordLines(f"{file.name}:{number + 1}")
        else:
            block.add(line)
    rest = block.text()
    if isinstance(rest, Rejection) or rest.strip():
        yield _told(rest)


def _told(block: str | Rejection) -> Definition | Rejection:
    if isinstance(block, Rejection):
        return block
    term, _, definition = block.partition("\n")
    return term, definition, None, None


def _from_workbook(file: File) -> Iterator[Definition]:
    from openpyxl.utils.escape import unescape

    rows = _sheet(file)
    header = next(rows, ())
    columns = ("term", "definition", "lob", "country")
    if missing := [name for name in columns[:2] if name not in header]:
        raise SourceError(f"{file.name}: sheet 'data' has no column {missing[0]!r}; {_REMEDY}")
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        found = (cells.get(name) for name in columns)
        term, definition, lob, country = (None if cell is None else unescape(str(cell)) for cell in found)
        yield term, definition, lob, country


def _sheet(file: File) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook

    archive = io.BytesIO(read_whole(file))
    try:
        book = load_workbook(_honest(archive), read_only=True, data_only=True)
        yield from _bounded_rows(book["data"])
    except Exception as fault:
        said = " ".join(str(fault).split())[:EXCERPT_LENGTH]
        raise SourceError(f"{file.name}: no readable workbook ({said}); {_REMEDY}") from fault


def _bounded_rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that are not blank."""
    rows, columns = sheet.max_row or _MOST_ROWS, sheet.max_column or _MOST_COLUMNS
    # Up to a cell far off all is filled with empty ones.
    rows, columns = min(rows, _MOST_ROWS), min(columns, _MOST_COLUMNS)
    length = 0
    for row in sheet.iter_rows(max_row=rows, max_col=columns, values_only=True):
        if row.count(None) == len(row):
            continue
        # Cells may share a text that the workbook has once.
        length += sum(len(cell) for cell in row if isinstance(cell, str))
        if length > LARGEST_WORKBOOK:
            raise ValueError(f"its cells have more than {LARGEST_WORKBOOK:,} characters")
        yield row


def _honest(stream: BinaryIO) -> BinaryIO:
    """Return the archive with its members unpacked: what it says of their sizes may be a lie."""
    plain = io.BytesIO()
    unpacked = 0
    with ZipFile(stream) as archive, ZipFile(plain, "w", ZIP_STORED) as copy:
        for member in archive.infolist():
            # Of other methods than these the library unpacks all at once.
            if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise ValueError("a member is packed in another way than a workbook's")
            with archive.open(member) as source, copy.open(member.filename, "w") as target:
                while piece := source.read(_PIECE):
                    unpacked += target.write(piece)
                    if unpacked > LARGEST_WORKBOOK:
                        raise ValueError(f"it unpacks to more than {LARGEST_WORKBOOK:,} bytes")
    plain.seek(0)
    return plain
