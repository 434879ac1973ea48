"""Rows of CSV files, within bounds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import replace_surrogates
from calibset.sources.formats.columns import EXCERPT_LENGTH
from calibset.storage.files import File, RecordLines, has_undecodable_bytes, read_lines

LONGEST_FIELD = 1_000_000
"""Characters of a field, at most; a quote that never closes takes no more than this with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table.

    Attributes:
        number: Counted from 0, without the header and blank lines, with broken rows.
        line: The line of the file that it begins on, counted from 1.
        columns: Its fields by the header's names.
    """

    number: int
    line: int
    columns: dict[str, str]


def table(file: File, *, required: tuple[str, ...], delimiter: str = ",") -> Iterator[Row | Rejection]:
    r"""Yield the rows of a CSV file whose first row names the columns.

    Line ends inside a field become ``\n``.

    Raises:
        SourceError: The header lacks one of the required columns.
    """
    rows = _fields(file, delimiter)
    _, header = next(rows, (1, None))
    if not isinstance(header, list):
        yield header or Rejection(position=file.name, reason="no header row")
        return
    names = [name.strip() for name in header]
    if missing := [name for name in required if name not in names]:
        known = " ".join(", ".join(names).split())[:EXCERPT_LENGTH]
        raise SourceError(
            f"{file.name}: no column {missing[0]!r}; it has {known}: "
            f"name the right columns, the right delimiter or other files"
        )
    for number, (line, fields) in enumerate(rows):
        if isinstance(fields, Rejection):
            yield fields
        elif reason := _fault(fields, names):
            yield _rejection(file, line, reason, delimiter.join(fields))
        else:
            yield Row(number=number, line=line, columns=dict(zip(names, fields, strict=True)))


def _fault(fields: list[str], names: list[str]) -> str | None:
    if any("\0" in field for field in fields):
        return "NUL character"
    if any(has_undecodable_bytes(field) for field in fields):
        return "not valid UTF-8"
    if len(fields) != len(names):
        return f"row has too {'few' if len(fields) < len(names) else 'many'} columns"
    return None


def _fields(file: File, delimiter: str) -> Iterator[tuple[int, list[str] | Rejection]]:
    lines = _Lines(file)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.begin_row()
        # The limit is the whole process's: it is ours while a row is parsed and no longer.
        limit = csv.field_size_limit(LONGEST_FIELD)
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error as fault:
            yield line, _rejection(file, line, _reason(str(fault)))
            continue
        except _TooLongError as fault:
            yield line, fault.rejection
            continue
        finally:
            csv.field_size_limit(limit)
        if fields:
            yield line, fields


class _TooLongError(Exception):
    """A row has more bytes than a record may have."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class _Lines:
    """The lines of a file, of which those of one row have a bound together."""

    def __init__(self, file: File) -> None:
        self._name = file.name
        self._lines = read_lines(file, keep_undecodable=True)
        self._number = 0
        self._row = RecordLines(f"{file.name}:1")
        self._quoted = False

    def begin_row(self) -> int:
        """Return the number of the line that the next row begins on."""
        self._row = RecordLines(f"{self._name}:{self._number + 1}")
        self._quoted = False
        return self._number + 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next()
        self._row.add(line)
        # The module goes on behind what a line raises, which a generator could not.
        if self._row.rejection:
            if isinstance(line, str):
                self._end_row()
            raise _TooLongError(self._row.rejection)
        return f"{line}\n"

    def _next(self) -> str | Rejection:
        line = next(self._lines)
        self._number += 1
        self._quoted ^= isinstance(line, str) and line.count('"') % 2 == 1
        return line

    def _end_row(self) -> None:
        """Pass over the rest of the row, as long as its quotes tell where it ends."""
        passed = 0
        while self._quoted and passed <= LONGEST_FIELD:
            try:
                line = self._next()
            except StopIteration:
                return
            if isinstance(line, Rejection):
                return
            passed = 0 if '"' in line else passed + len(line)


def _reason(fault: str) -> str:
    if "field larger" in fault:
        return "field too long"
    if "unexpected end" in fault:
        return "quote not closed"
    if "expected after" in fault:
        return "text after a closing quote"
    return "not valid CSV"


def _rejection(file: File, line: int, reason: str, excerpt: str = "") -> Rejection:
    return Rejection(
        position=f"{file.name}:{line}", reason=reason, excerpt=replace_surrogates(excerpt[:EXCERPT_LENGTH])
    )
