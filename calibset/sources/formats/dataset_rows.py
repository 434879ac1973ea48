"""Rows of the files of a dataset, whichever kind they are, written as its card says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.formats.csv_rows import Dialect, read_csv
from calibset.sources.formats.dataset_files import FileKind
from calibset.sources.formats.json_rows import read_json_rows
from calibset.sources.formats.plain_text import read_text, split_at_lines
from calibset.sources.sampling.arrow_rows import read_arrow_rows
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.encodings import is_text_encoding
from calibset.storage.files import File
from calibset.storage.text_lines import read_lines

DatasetRow = Any | Rejection
"""A row: a mapping, or whatever else stands in its place; a `Rejection` if it can't be read."""

SampleBy = Literal["line", "paragraph", "document"]

# The column of a document's title, which is read beside those of its text.
_TITLE = "title"
# Options of `datasets` that give other rows, and that are not followed.
_NOT_FOLLOWED = frozenset(
    (
        "skiprows",
        "comment",
        "skipinitialspace",
        "quoting",
        "usecols",
        "index_col",
        "nrows",
        "lineterminator",
        "thousands",
        "decimal",
        "dialect",
        "doublequote",
        "keep_linebreaks",
        "skipfooter",
        "prefix",
        "converters",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How the files of a dataset are written, where their kind leaves it open.

    Attributes:
        encoding: The encoding of text.
        delimiter: What separates the fields of CSV; by the file's ending if empty.
        quote: What encloses a field of CSV.
        escape: What makes a quote inside a field plain.
        columns: The names of the columns of CSV without a header row; none if it has one.
        rows_at: The key of the rows in a JSON file.
        sample_by: What a row of a text file is.
    """

    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = '"'
    escape: str = ""
    columns: tuple[str, ...] = ()
    rows_at: str | None = None
    sample_by: SampleBy = "line"

    @classmethod
    def parse(cls, options: Mapping[str, Any], where: str) -> Self:
        """Return what the options of a configuration say, by the names that `datasets` has for them.

        Args:
            options: The options; those that change no row are passed over.
            where: The card's name in messages.

        Raises:
            SourceError: An option has a value of another kind, or gives other rows and is not followed.
        """
        if followed := sorted(_NOT_FOLLOWED & options.keys()):
            raise SourceError(f"{where}: its option {followed[0]} is not followed; {_REMEDY}")
        found: dict[str, Any] = {
            "encoding": options.get("encoding"),
            "delimiter": options.get("delimiter") or options.get("sep"),
            "quote": options.get("quotechar"),
            "escape": options.get("escapechar"),
            "columns": options.get("column_names") or options.get("names"),
            "rows_at": options.get("field"),
            "sample_by": options.get("sample_by"),
        }
        for name, value in found.items():
            if value is not None and not _is_sound(name, value):
                raise SourceError(f"{where}: its option for {name} is {excerpt(value)!r}; {_REMEDY}")
        if isinstance(found["columns"], list):
            found["columns"] = tuple(found["columns"])
        return cls(**{name: value for name, value in found.items() if value is not None})


_REMEDY = 'name the files with files = [...], or read them with type = "csv", "jsonl" or "text"'


def read_rows(
    file: File, kind: FileKind, columns: tuple[str, ...], required: tuple[str, ...], writing: Writing
) -> Iterator[DatasetRow]:
    """Yield the rows of a file in their order.

    Args:
        file: The file.
        kind: Its kind.
        columns: The columns that are needed; of others, some are read along.
        required: The columns that a CSV file's header must have.
        writing: How it is written.

    Raises:
        SourceError: The file is damaged or of another kind.
    """
    needed = (*columns, *{_TITLE}.difference(columns))
    rows: Iterator[DatasetRow]
    if kind == "parquet":
        rows = (row for group in read_row_groups(file, needed) for _, row in group.read_rows())
    elif kind == "arrow":
        rows = (row for _, row in read_arrow_rows(file, needed))
    elif kind == "json":
        rows = (row for _, _, row in read_json_rows(file, columns, rows_at=writing.rows_at))
    elif kind == "csv":
        rows = _read_csv(file, required, writing)
    else:
        rows = _read_texts(file, writing.sample_by)
    yield from rows


def _read_csv(file: File, required: tuple[str, ...], writing: Writing) -> Iterator[DatasetRow]:
    delimiter = writing.delimiter or ("\t" if file.stem.endswith(".tsv") else ",")
    dialect = Dialect(delimiter=delimiter, quote=writing.quote, escape=writing.escape)
    for row in read_csv(file, required=required, dialect=dialect, names=writing.columns):
        yield row if isinstance(row, Rejection) else row.columns


def _read_texts(file: File, sample_by: SampleBy) -> Iterator[DatasetRow]:
    texts: Iterable[str | Rejection]
    if sample_by == "line":
        texts = read_lines(file)
    elif sample_by == "paragraph":
        texts = (part.text() for part in split_at_lines(file, ""))
    else:
        texts = (read_text(file),)
    for text in texts:
        yield text if isinstance(text, Rejection) else {"text": text}


def _is_sound(name: str, value: Any) -> bool:
    if name == "columns":
        return isinstance(value, list) and all(isinstance(column, str) for column in value)
    if not isinstance(value, str):
        return False
    if name == "encoding":
        return is_text_encoding(value)
    if name == "sample_by":
        return value in cast("tuple[str, ...]", get_args(SampleBy))
    return name == "rows_at" or (len(value) == 1 and value not in "\r\n")
