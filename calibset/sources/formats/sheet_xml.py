"""The cells of a workbook's sheet and the texts that they share, from their XML, a few bytes at a time.

openpyxl builds a tree of each row and an object of each text, which takes several times as long. It
says what a number means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from xml.parsers import expat

from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import from_excel, from_ISO8601
from openpyxl.utils.escape import unescape

from calibset.core.text import excerpt
from calibset.storage.text_lines import MAX_RECORD_BYTES

Row = tuple[str | None, ...]
"""The cells of a row as text, None where they are empty."""


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of a sheet that can't be read.

    Attributes:
        reason: Why, as it is counted.
        excerpt: The beginning of what is at fault.
    """

    reason: str
    excerpt: str


_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
_OUT_OF_RANGE = "#VALUE!"
# Bytes without an element or text: a tag, or comments alone. The parser keeps a tag until it ends, and all
# names for good. A cell's tag has some fifty bytes, and sheets of all extensions some hundred names.
_LONGEST_TAG = 2**20
_MOST_NAMES = 10_000

# A date with its time, as Excel writes it; that a day has an hour 24 Python takes for granted from 3.13 on.
_DATE_AND_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T(?!24)[0-9]{2}:[0-9]{2}:[0-9]{2}")
# What a cell is meant to be, by its `t`; of any other it is text as it stands.
_MEANINGS = {"n": "number", "s": "shared text", "b": "truth value", "d": "date"}

_find_column = lru_cache(maxsize=2**12)(column_index_from_string)


def read_strings(parts: Iterable[bytes]) -> Iterator[str]:
    """Yield the texts that the cells of a workbook share, in their order."""
    texts = _Texts("si")
    for _ in _parse(parts, texts):
        yield from texts.take()


def read_cells(
    parts: Iterable[bytes], book: Any, texts: list[str], most: tuple[int, int]
) -> Iterator[Row | UnreadableRow]:
    """Yield the rows of a sheet that are not blank, up to their last cell.

    Numbers and dates are the text that Python writes of what openpyxl reads.

    Args:
        parts: The sheet's XML.
        book: The workbook, as openpyxl reads it, which says what numbers are dates.
        texts: The texts that cells share.
        most: The last row and column that are read.
    """
    cells = _Cells(book, texts, most)
    for _ in _parse(parts, cells):
        yield from cells.take()


def _parse(parts: Iterable[bytes], handler: _Texts) -> Iterator[None]:
    """Feed the XML to a handler, and stop after each piece."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.add
    silent = 0
    for part in parts:
        handler.is_silent = True
        parser.Parse(part, False)
        silent = silent + len(part) if handler.is_silent else 0
        if silent > _LONGEST_TAG or len(parser.intern) > _MOST_NAMES:
            raise ValueError("it has tags of more bytes or names than a workbook's; save it as CSV")
        yield
    parser.Parse(b"", True)
    yield


def _refuse_document_type(*_: object) -> None:
    raise ValueError("it declares a document type")


class _Texts:
    """Collects the text of each element of a name: that of its own, and of its runs."""

    def __init__(self, element: str) -> None:
        self._element = _NAMESPACE + element
        self._found: list[Any] = []
        self._plain: str | None = None
        self._runs: list[str] = []
        self._pieces: list[str] | None = None
        self._size = 0
        # Within a reading aid, whose text is none of the cell's.
        self._in_phonetic = False
        # Set before a piece is parsed, and cleared by an element or text.
        self.is_silent = False

    def take(self) -> list[Any]:
        """Return what has been found since the last call."""
        found, self._found = self._found, []
        return found

    def start(self, name: str, _: dict[str, str]) -> None:
        self.is_silent = False
        if name == _T:
            self._begin_text()
        elif name == self._element:
            self._plain, self._runs = None, []
        elif name == _R:
            self._is_run = True
        elif name == _PHONETIC:
            self._in_phonetic = True

    def end(self, name: str) -> None:
        if name == _T:
            self._end_text()
        elif name == self._element:
            self._found.append(self._join())
        elif name == _R:
            self._is_run = False
        elif name == _PHONETIC:
            self._in_phonetic = False

    def add(self, text: str) -> None:
        self.is_silent = False
        # Of a longer text no more is held than tells that it is too long.
        if self._pieces is not None and self._size <= MAX_RECORD_BYTES:
            self._pieces.append(text)
            self._size += len(text)

    _is_run = False

    def _begin_text(self) -> None:
        self._pieces, self._size = [], 0

    def _end_text(self) -> None:
        text = "".join(self._pieces or ())
        self._pieces = None
        if self._in_phonetic:
            return
        if self._is_run:
            self._runs.append(text)
        else:
            self._plain = text

    def _join(self) -> str:
        return "".join((self._plain or "", *self._runs)).replace("x005F_", "")


_T, _R, _PHONETIC = (_NAMESPACE + name for name in ("t", "r", "rPh"))
_ROW, _C, _V, _IS = (_NAMESPACE + name for name in ("row", "c", "v", "is"))


class _Cells(_Texts):
    """Collects the rows of a sheet."""

    def __init__(self, book: Any, texts: list[str], most: tuple[int, int]) -> None:
        super().__init__("is")
        self._book = book
        self._texts = texts
        self._most_rows, self._most_columns = most
        self._row: dict[int, str] = {}
        self._fault: UnreadableRow | None = None
        self._number = 0
        self._next = 1
        self._column = 0
        self._kind = "n"
        self._style = "0"
        self._value: str | None = None
        self._has_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.is_silent = False
        if name == _C:
            if place := attributes.get("r"):
                self._place(place)
            else:
                self._column += 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._value, self._has_text = None, False
        elif name == _V:
            self._begin_text()
        elif name == _ROW:
            self._row, self._fault, self._column = {}, None, 0
            self._begin_row(attributes.get("r"))
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == _C:
            if self._column <= self._most_columns:
                self._end_cell()
        elif name == _V:
            if self._value is None:
                self._value = "".join(self._pieces or ())
            self._pieces = None
        elif name == _ROW:
            self._end_row()
        elif name == _IS:
            self._has_text = True
        else:
            super().end(name)

    def _begin_row(self, number: str | None) -> None:
        self._number += 1
        if number:
            try:
                self._number = int(float(number))
            except (OverflowError, ValueError):
                self._fault = UnreadableRow("row without a readable number", excerpt(number))

    def _place(self, place: str) -> None:
        try:
            self._column = _find_column(place.rstrip("0123456789"))
        except ValueError:
            self._column += 1
            self._fault = UnreadableRow("cell without a readable place", excerpt(place))

    def _end_row(self) -> None:
        """Keep a row that isn't blank and stands below those before it."""
        if self._number < self._next:
            return
        self._next = self._number + 1
        if self._number > self._most_rows:
            return
        if self._fault:
            self._found.append(self._fault)
        elif self._row:
            self._found.append(tuple(map(self._row.get, range(1, max(self._row) + 1))))

    def _end_cell(self) -> None:
        try:
            text = self._read_value()
        except (ValueError, OverflowError, IndexError):
            reason = f"cell that is no readable {_MEANINGS[self._kind]}"
            self._fault = UnreadableRow(reason, excerpt(self._value))
            return
        if text is not None:
            self._row[self._column] = text
        else:
            self._row.pop(self._column, None)

    def _read_value(self) -> str | None:
        if self._kind == "inlineStr":
            return _unescape(self._join_inline()) if self._has_text else None
        text = self._value
        if not text:
            return None
        if self._kind == "n":
            return self._read_number(text)
        if self._kind == "s":
            return self._find_text(int(text))
        if self._kind == "b":
            return str(bool(int(text)))
        return _read_date(text) if self._kind == "d" else _unescape(text)

    def _find_text(self, index: int) -> str:
        if index < 0:
            raise IndexError
        return _unescape(self._texts[index])

    def _join_inline(self) -> str:
        text = "".join((self._plain or "", *self._runs))
        self._plain, self._runs = None, []
        return text

    def _read_number(self, text: str) -> str:
        number = float(text) if set(text) & {".", "e", "E"} else int(text)
        style = int(self._style)
        if style not in self._book._date_formats:  # noqa: SLF001  (it has no other name)
            return str(number)
        is_span = style in self._book._timedelta_formats  # noqa: SLF001
        try:
            return str(from_excel(number, self._book.epoch, timedelta=is_span))
        except (OverflowError, ValueError):
            return _OUT_OF_RANGE


def _read_date(text: str) -> str:
    """Return a date, a time or both as Python writes them."""
    if _DATE_AND_TIME.fullmatch(text):
        # Python's own parser takes a fraction of the time.
        return str(datetime.fromisoformat(text))
    return str(from_ISO8601(text))  # type: ignore[no-untyped-call]


def _unescape(text: str) -> str:
    return unescape(text) if "_x" in text else text
