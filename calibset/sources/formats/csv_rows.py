"""Rows of CSV files, of bounded size."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.storage.files import File
from calibset.storage.text_lines import RecordLines, has_undecodable_bytes, read_lines

LONGEST_FIELD = 1_000_000
"""The most characters of a field; a quote that never closes takes no more than this with it."""

_LIMIT_LOCK = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row of a CSV file.

    Attributes:
        number: The row's number, counted from 0 without header and blank lines, but with broken rows.
        line: The line of the file on which it begins, counted from 1.
        columns: Its fields, by the names in the header.
    """

    number: int
    line: int
    columns: dict[str, str]


def read_csv(file: File, *, required: tuple[str, ...], delimiter: str = ",") -> Iterator[CsvRow | Rejection]:
    r"""Yield the rows of a CSV file whose first row names the columns.

    A header without the required columns is an error. Line ends inside a field become ``\n``.
    """
    rows = _read_fields(file, delimiter)
    _, header = next(rows, (1, None))
    if not isinstance(header, list):
        yield header or Rejection(position=file.name, reason="no header row")
        return
    names = [name.strip() for name in header]
    if missing := [name for name in required if name not in names]:
        raise SourceError(
            f"{file.name}: no column {missing[0]!r}; it has {excerpt(' '.join(', '.join(names).split()))}: "
            f"name the right columns, the right delimiter or other files"
        )
    for number, (line, fields) in enumerate(rows):
        if isinstance(fields, Rejection):
            yield fields
        elif fault := _find_fault(fields, names):
            yield Rejection(
                position=f"{file.name}:{line}", reason=fault, excerpt=excerpt(delimiter.join(fields))
            )
        else:
            yield CsvRow(number=number, line=line, columns=dict(zip(names, fields, strict=True)))


def _find_fault(fields: list[str], names: list[str]) -> str | None:
    if any("\0" in field for field in fields):
        return "NUL character"
    if any(has_undecodable_bytes(field) for field in fields):
        return "not valid UTF-8"
    if len(fields) != len(names):
        return f"row has too {'few' if len(fields) < len(names) else 'many'} columns"
    return None


def _read_fields(file: File, delimiter: str) -> Iterator[tuple[int, list[str] | Rejection]]:
    """Yield the line that each row begins on, with its fields or the reason why it has none."""
    _allow_long_fields()
    lines = _Lines(file)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.begin_row()
        try:
            fields = next(rows)
            if any(len(field) > LONGEST_FIELD for field in fields):
                raise csv.Error("field larger")  # noqa: TRY301  (as the module says it)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Rejection(position=f"{file.name}:{line}", reason=_explain(str(error)))
        except _RowTooLongError as error:
            yield line, error.rejection
        else:
            if fields:
                yield line, fields


def _allow_long_fields() -> None:
    """Raise the limit of the csv module, which is the whole process's, to ours; it is never lowered.

    Other threads may be reading CSV files: a limit that came and went would cut their fields.
    """
    with _LIMIT_LOCK:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))


class _RowTooLongError(Exception):
    """A row has more bytes than a record may have, or a field of several lines more than a field may."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class _Lines:
    """The lines of a file, with a bound on those that make up one row."""

    def __init__(self, file: File) -> None:
        self._name = file.name
        self._lines = read_lines(file, keep_undecodable=True)
        self._number = 0
        self.begin_row()

    def begin_row(self) -> int:
        """Return the number of the line on which the next row begins."""
        self._row = RecordLines(f"{self._name}:{self._number + 1}")
        self._quoted = False
        self._length_since_quote = 0
        return self._number + 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        # What is raised here ends the row: the csv module starts another on the next line.
        line = self._read_line()
        self._row.add(line)
        if self._row.rejection:
            if isinstance(line, str):
                self._skip_to_row_end()
            raise _RowTooLongError(self._row.rejection)
        # A row goes on behind its first line in a quoted field only.
        if self._row.lines > 1 and self._length_since_quote > LONGEST_FIELD:
            raise _RowTooLongError(Rejection(position=self._row.position, reason="field too long"))
        return f"{line}\n"

    def _read_line(self) -> str | Rejection:
        line = next(self._lines)
        self._number += 1
        if isinstance(line, str):
            quotes = line.count('"')
            self._quoted ^= quotes % 2 == 1
            self._length_since_quote = 0 if quotes else self._length_since_quote + len(line)
        return line

    def _skip_to_row_end(self) -> None:
        """Pass over the rest of the row, as long as its quotes tell where it ends."""
        self._length_since_quote = 0
        while self._quoted and self._length_since_quote <= LONGEST_FIELD:
            try:
                line = self._read_line()
            except StopIteration:
                return
            if isinstance(line, Rejection):
                return


def _explain(message: str) -> str:
    """Return the csv module's message as a reason that can be counted."""
    if "field larger" in message:
        return "field too long"
    if "unexpected end" in message:
        return "quote not closed"
    if "expected after" in message:
        return "text after a closing quote"
    return "not valid CSV"
