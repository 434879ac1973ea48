"""The parts of a corpus that are examined one by one, and single records found again by their places.

A part is a row group of a parquet file, a block of 4 MiB of a file of lines, or a file of any other kind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from calibset.core.documents import Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.short_forms import count
from calibset.sources.base import Source
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.sources.sampling.files import get_size, has_plain_lines
from calibset.sources.sampling.line_blocks import LineBlock, StartRule, make_block_file
from calibset.sources.sampling.parquet_pages import PageTable, are_pages_of, list_pages, read_chosen_rows
from calibset.sources.sampling.row_groups import Row, RowGroup, read_row_groups
from calibset.storage.files import File

BLOCK_SIZE = 4 * 2**20
"""The bytes of a block of lines."""

# Parquet files whose footers are held.
_MOST_FOOTERS = 16

PartKind = Literal["row group", "block", "file"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record is in its file.

    Attributes:
        start: The offset of its line, or of those lines with it, in a file of lines; 0 in others.
        end: The offset after them; 0 in others.
        row: Its number from 0 among the records between the two offsets, in others among the file's.
    """

    start: int
    end: int
    row: int


@dataclass(slots=True)
class CorpusFile:
    """A file of a source, taken apart.

    Attributes:
        source: The adapter that reads it.
        file: The file.
    """

    source: Source
    file: File
    _opened: deque[CorpusFile] = field(default_factory=deque)
    _kind: PartKind | None = None
    _groups: list[RowGroup] | None = None
    _rule: list[StartRule] = field(default_factory=list)

    @property
    def kind(self) -> PartKind:
        """What the file's parts are; into a file of lines it is looked."""
        if self._kind is None:
            suspect = replace(self.file, is_suspect=True)
            if isinstance(self.source, ParquetSource) and is_parquet(self.file):
                self._kind = "row group"
            elif has_plain_lines(suspect) and self.source.can_split(suspect):
                self._kind = "block"
            else:
                self._kind = "file"
        return self._kind

    def count_parts(self) -> int:
        """Return the number of parts; of a parquet file the footer is read."""
        match self.kind:
            case "row group":
                return len(self._read_groups())
            case "block":
                return -(-get_size(self.file) // BLOCK_SIZE)
            case "file":
                return 1

    def read_part(self, number: int) -> Iterator[tuple[Place, Record]]:
        """Yield the records of a part, each with its place."""
        match self.kind:
            case "row group":
                for row, record in self._parse(self._read_groups()[number].read_rows()):
                    yield Place(0, 0, row), record
            case "block":
                for start, content in self._block(number).read_spans(self._start_rule()):
                    for row, record in enumerate(self._read_span(start, content)):
                        yield Place(start, start + len(content), row), record
            case "file":
                for row, record in enumerate(self.source.read(self.file)):
                    yield Place(0, 0, row), record

    def list_pages(self, number: int) -> PageTable:
        """Return where the pages of a row group are; empty for other parts, and if it can't be told."""
        return list_pages(self._read_groups()[number]) if self.kind == "row group" else {}

    def require_places(self, places: Sequence[Place], number: int, parts: int, pages: PageTable) -> None:
        """Make sure that places can be those of different records of a part, before any of them is read.

        Args:
            places: The places.
            number: The part.
            parts: How many parts the file should have.
            pages: Where its pages are, if it is a row group.

        Raises:
            ValueError: They are none of this part's, or the pages are not.
        """
        if parts != self.count_parts():
            raise ValueError(f"the file has {count(self.count_parts(), 'part')}, and this is of {parts:,}")
        if len(set(places)) < len(places):
            raise ValueError("two records at one place")
        match self.kind:
            case "row group":
                group = self._read_groups()[number]
                if not are_pages_of(group, pages):
                    raise ValueError("pages of another row group")
                rows = range(group.start, group.start + group.rows)
                fit = (place.start == place.end == 0 and place.row in rows for place in places)
            case "block":
                block, size = self._block(number), get_size(self.file)
                fit = (
                    place.end <= size and block.may_hold(place.start, place.end) and place.row >= 0
                    for place in places
                )
            case "file":
                fit = (place.start == place.end == 0 <= place.row for place in places)
        if not all(fit):
            raise ValueError("a place outside of its part")

    def fetch(self, places: Sequence[Place], number: int, pages: PageTable) -> Iterator[tuple[Place, Record]]:
        """Yield records of a part in the order of their places, reading little else.

        Args:
            places: The places.
            number: The part.
            pages: Where its pages are, if it is a row group.

        Raises:
            SourceError: There is no record at one of the places.
        """
        wanted = sorted(set(places))
        match self.kind:
            case "row group":
                group = self._read_groups()[number]
                indices = [place.row - group.start for place in wanted]
                found = self._parse(read_chosen_rows(group, indices, pages))
                yield from ((Place(0, 0, row), record) for row, record in found)
            case "block":
                yield from self._fetch_lines(wanted)
            case "file":
                rows = {place.row for place in wanted}
                for row, record in enumerate(self.source.read(self.file)):
                    if row in rows:
                        yield Place(0, 0, row), record
                    if row >= wanted[-1].row:
                        return

    def _block(self, number: int) -> LineBlock:
        return LineBlock(self.file, number * BLOCK_SIZE, (number + 1) * BLOCK_SIZE)

    def _fetch_lines(self, places: Sequence[Place]) -> Iterator[tuple[Place, Record]]:
        with self.file.open_random_access() as stream:
            for place in places:
                stream.seek(place.start)
                content = stream.read(place.end - place.start)
                for row, record in enumerate(self._read_span(place.start, content)):
                    if row == place.row:
                        yield place, record

    def _read_span(self, start: int, content: bytes) -> Iterator[Record]:
        return self.source.read(make_block_file(self.file, start, content))

    def _parse(self, rows: Iterator[Row]) -> Iterator[tuple[int, Record]]:
        for number, row in rows:
            position = f"{self.file.name}#{number}"
            yield number, row if isinstance(row, Rejection) else self._parquet.parse_row(row, position)

    def _read_groups(self) -> list[RowGroup]:
        if self._groups is None:
            if len(self._opened) == _MOST_FOOTERS:
                self._opened.popleft().forget()
            self._opened.append(self)
            self._groups = read_row_groups(self.file, self._parquet.needed_columns())
        return self._groups

    def forget(self) -> None:
        """Let go of what was read of the file's footer."""
        self._groups = None

    @property
    def _parquet(self) -> ParquetSource:
        return cast("ParquetSource", self.source)

    def _start_rule(self) -> StartRule:
        if not self._rule:
            self._rule.append(self.source.start_rule(self.file))
        return self._rule[0]


def open_corpus_files(source: Source, files: Sequence[File]) -> dict[str, CorpusFile]:
    """Return files by name, each to be read in parts; the footers of a few of them are held."""
    opened: deque[CorpusFile] = deque()
    return {file.name: CorpusFile(source, file, opened) for file in files}


def require_files_read_alone(source: Source, key: str) -> None:
    """Make sure that a source's files can be examined one by one.

    Raises:
        SourceError: What one of them gives depends on the others, or on a dataset's card.
    """
    if source.reads_by_file:
        return
    remedy = (
        "name its files with the type parquet, jsonl or csv"
        if source.type == "hub-dataset"
        else "it is small enough to be read whole, and needs no scores"
    )
    raise SourceError(f"{key}: a corpus of the type {source.type} can't be scored in parts; {remedy}")
