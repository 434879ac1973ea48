"""Rows of CSV files, of bounded size."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.formats.encoding_guess import suggest_encoding
from calibset.sources.formats.question_columns import describe_question_columns
from calibset.storage.files import File
from calibset.storage.text_lines import (
    RecordLines,
    describe_undecodable,
    has_undecodable_bytes,
    read_lines,
)

DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are looked for where none is named; of equally good ones the first is taken."""

LONGEST_FIELD = 1_000_000
"""The most characters of a field; a quote that never closes takes no more than this with it."""

_LIMIT_LOCK = Lock()
# Excel's first line, which names the delimiter.
_DELIMITER_LINE = re.compile(r'sep=([^"\r\n])')
# Stands for an escaped quote while a row is parsed; no decoded text holds it.
_ESCAPED = "\udc00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the rows of a CSV file are written.

    Attributes:
        delimiter: What separates the fields: one character.
        quote: What encloses a field that holds a delimiter, a line end or a quote; nothing if empty.
        escape: What makes a quote inside a field plain, beside doubling it; nothing if empty.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""


_DEFAULT = Dialect()


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


def read_csv(
    file: File, *, required: tuple[str, ...], dialect: Dialect = _DEFAULT, names: Sequence[str] = ()
) -> Iterator[CsvRow | Rejection]:
    r"""Yield the rows of a CSV file whose first row names the columns, if they aren't given.

    A header without the required columns is an error. Line ends inside a field become ``\n``. A first line
    such as ``sep=;``, which Excel writes, names the delimiter.
    """
    rows = _read_fields(file, dialect)
    header: list[str] | Rejection | None = list(names)
    if not names:
        _, header = next(rows, (1, None))
    if not isinstance(header, list):
        yield header or Rejection(position=file.name, reason="no header row")
        return
    names = [name.strip() for name in header]
    hint = "" if set(required).issubset(names) else suggest_encoding(file)
    require_columns(file, required, names, "the right delimiter", hint)
    counts = Counter(names)
    indices = {name: index for index, name in enumerate(names) if counts[name] == 1}
    for number, (line, fields) in enumerate(rows):
        if isinstance(fields, Rejection):
            yield fields
        elif fault := _find_fault(fields, names, file):
            yield Rejection(
                position=f"{file.name}:{line}", reason=fault, excerpt=excerpt(dialect.delimiter.join(fields))
            )
        else:
            columns = {name: fields[index] for name, index in indices.items()}
            yield CsvRow(number=number, line=line, columns=columns)


def read_header(file: File, dialect: Dialect = _DEFAULT) -> list[str]:
    """Return the names in a CSV file's first row, as often as they stand there; none if it can't be read."""
    _, header = next(_read_fields(file, dialect), (1, None))
    return [name.strip() for name in header] if isinstance(header, list) else []


def require_columns(
    file: File, required: Iterable[str], names: Sequence[str], other: str, hint: str = ""
) -> None:
    """Make sure that a table's header has each of the required columns, and once.

    Args:
        file: The table's file.
        required: The columns.
        names: The header.
        other: What may be wrong other than the names of columns.
        hint: What else is known of the file.

    Raises:
        SourceError: A column is missing, or is there twice, so that either might be meant.
    """
    for column in required:
        if column not in names:
            hint = hint or describe_question_columns(names)
            raise SourceError(
                f"{file.name}: no column {column!r}; it has {excerpt(' '.join(', '.join(names).split()))}: "
                f"name the right columns, {other} or other files" + (f" ({hint})" if hint else "")
            )
        if names.count(column) > 1:
            count = names.count(column)
            raise SourceError(f"{file.name}: {count} columns are named {column!r}; rename all but one")


def _find_fault(fields: list[str], names: list[str], file: File) -> str | None:
    text = "".join(fields)
    if "\0" in text:
        return "NUL character"
    if has_undecodable_bytes(text):
        return describe_undecodable(file)
    if len(fields) != len(names):
        return f"row has too {'few' if len(fields) < len(names) else 'many'} columns"
    return None


def _read_fields(file: File, dialect: Dialect) -> Iterator[tuple[int, list[str] | Rejection]]:
    """Yield the line that each row begins on, with its fields or the reason why it has none."""
    _allow_long_fields()
    lines = _Lines(file, dialect)
    rows = csv.reader(
        lines,
        delimiter=lines.read_delimiter() or dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = lines.begin_row()
        try:
            fields = next(rows)
            if max(map(len, fields), default=0) > LONGEST_FIELD:
                raise csv.Error("field larger")  # noqa: TRY301  (as the module says it)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _explain(str(error), has_backslashes=lines.has_backslashes)
            yield line, Rejection(position=f"{file.name}:{line}", reason=reason)
        except _RowTooLongError as error:
            yield line, error.rejection
        else:
            if fields and dialect.escape:
                fields = [field.replace(_ESCAPED, dialect.quote) for field in fields]
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

    def __init__(self, file: File, dialect: Dialect) -> None:
        self._name = file.name
        self._lines = read_lines(file, keep_undecodable=True)
        self._quote = dialect.quote
        self._escape = (
            re.compile(f"({re.escape(dialect.escape)}+){dialect.quote}") if dialect.escape else None
        )
        self._marked = ""
        self._number = 0
        self.begin_row()

    def read_delimiter(self) -> str | None:
        """Return the delimiter that the first line names, if it does, and pass over that line."""
        first = next(self._lines, None)
        if first is None:
            return None
        if isinstance(first, str) and (match := _DELIMITER_LINE.fullmatch(first)):
            self._number += 1
            return match[1]
        self._lines = chain((first,), self._lines)
        return None

    def begin_row(self) -> int:
        """Return the number of the line on which the next row begins."""
        self._first: str | None = None
        self._row: RecordLines | None = None
        self._quoted = False
        self._length_since_quote = 0
        self.has_backslashes = False
        return self._number + 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        # What is raised here ends the row: the csv module starts another on the next line.
        line = self._read_line()
        is_first = self._first is None and self._row is None
        if is_first and isinstance(line, str) and len(line) <= LONGEST_FIELD:
            # Most rows are one line, and millions.
            self._first = line
            return f"{self._marked}\n"
        if self._row is None:
            self._row = RecordLines(f"{self._name}:{self._number - (self._first is not None)}")
            if self._first is not None:
                self._row.add(self._first)
        self._row.add(line)
        if self._row.rejection:
            if isinstance(line, str):
                self._skip_to_row_end()
            raise _RowTooLongError(self._row.rejection)
        # A row goes on behind its first line in a quoted field only.
        if self._row.lines > 1 and self._length_since_quote > LONGEST_FIELD:
            raise _RowTooLongError(Rejection(position=self._row.position, reason="field too long"))
        return f"{self._marked}\n"

    def _read_line(self) -> str | Rejection:
        line = next(self._lines)
        self._number += 1
        if isinstance(line, str):
            self.has_backslashes = self.has_backslashes or "\\" + self._quote in line
            self._marked = self._escape.sub(_mark_escaped_quote, line) if self._escape else line
            quotes = self._marked.count(self._quote) if self._quote else 0
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


def _mark_escaped_quote(match: re.Match[str]) -> str:
    """Return what stands before a quote: an escape makes another one plain too."""
    escapes = len(match[1])
    return match[1][: escapes // 2] + (_ESCAPED if escapes % 2 else match[0][-1])


def _explain(message: str, *, has_backslashes: bool) -> str:
    """Return the csv module's message as a reason that can be counted."""
    if "field larger" in message:
        return "field too long"
    if "unexpected end" in message:
        return "quote not closed"
    if "new-line character" in message:
        return "carriage return outside quotes"
    if "expected after" in message and has_backslashes:
        return "quote escaped by a backslash, which the key escape allows"
    if "expected after" in message:
        return "text after a closing quote"
    return "not valid CSV"
