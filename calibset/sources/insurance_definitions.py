"""Definitions of insurance contracts: one corpus that is published in three forms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, ClassVar, Literal
from zipfile import ZipFile

from calibset.document import Document, Record, Rejection
from calibset.errors import SourceError
from calibset.sources.base import Source
from calibset.sources.columns import EXCERPT
from calibset.storage.files import File, Reader, open_plain, text_lines
from calibset.tokenizers.base import scalar_text

__all__ = ["InsuranceDefinitions"]

LARGEST_WORKBOOK = 256 * 2**20
"""Bytes that a workbook may unpack to."""

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

    def select(self, reader: Reader) -> tuple[File, ...]:
        """Return the files that the recipe names, else those of the first form that is there."""
        found = super().select(reader)
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
            definitions = _from_json(file)
        elif file.stem.endswith(".xlsx"):
            definitions = _from_workbook(file)
        else:
            definitions = _from_text(file)
        return _records(file, definitions)


def _records(file: File, definitions: Iterable[Definition]) -> Iterator[Record]:
    seen: Counter[str] = Counter()
    for term, definition, lob, country in definitions:
        name = scalar_text(term).strip() if isinstance(term, str) else ""
        id_ = f"{name}#{seen[name]}"
        seen[name] += 1
        place = f"{file.name}: {id_[:EXCERPT]}"
        if not name:
            yield Rejection(place=place, reason="no term", excerpt=str(definition)[:EXCERPT])
        elif not isinstance(definition, str | None):
            yield Rejection(place=place, reason="definition is no text", excerpt=type(definition).__name__)
        elif not (text := scalar_text(definition or "").strip()):
            yield Rejection(place=place, reason="empty definition", excerpt=name[:EXCERPT])
        else:
            said = {"lob": lob, "country": country}
            metadata = {
                key: scalar_text(value) for key, value in said.items() if value and isinstance(value, str)
            }
            yield Document(id=id_, text=f"{name}\n{text}", metadata=metadata)


def _from_json(file: File) -> Iterator[Definition]:
    with open_plain(file) as stream:
        try:
            words = json.loads(stream.read().decode("utf-8-sig", "replace")).get("WORDS")
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


def _from_text(file: File) -> Iterator[Definition]:
    block: list[str] = []
    for line in text_lines(file):
        if line == "---":
            yield _block(block)
            block = []
        else:
            block.append(line)
    if any(line.strip() for line in block):
        yield _block(block)


def _block(lines: list[str]) -> Definition:
    term, *definition = lines or [""]
    return term, "\n".join(definition), None, None


def _from_workbook(file: File) -> Iterator[Definition]:
    from openpyxl.utils.escape import unescape

    rows = _sheet(file)
    header = next(rows, ())
    columns = ("term", "definition", "lob", "country")
    if missing := [name for name in columns[:2] if name not in header]:
        raise SourceError(f"{file.name}: sheet 'data' has no column {missing[0]!r}; {_REMEDY}")
    for row in rows:
        cells = dict(zip(header, row, strict=False))
        if any(cell is not None for cell in row):
            found = (cells.get(name) for name in columns)
            term, definition, lob, country = (None if cell is None else unescape(str(cell)) for cell in found)
            yield term, definition, lob, country


def _sheet(file: File) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook

    with open_plain(file) as stream:
        try:
            _check_size(stream)
            book = load_workbook(stream, read_only=True, data_only=True)
            yield from book["data"].iter_rows(values_only=True)
        except Exception as fault:
            raise SourceError(f"{file.name}: no readable workbook ({fault}); {_REMEDY}") from fault


def _check_size(stream: BinaryIO) -> None:
    unpacked = sum(member.file_size for member in ZipFile(stream).infolist())
    if unpacked > LARGEST_WORKBOOK:
        raise ValueError(f"it unpacks to {unpacked:,} bytes, more than {LARGEST_WORKBOOK:,}")
