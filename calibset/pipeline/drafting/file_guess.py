"""How one file of data is read, guessed from its beginning: type, columns, delimiter, encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.errors import CalibsetError
from calibset.pipeline.drafting.column_guess import ColumnGuess, guess_columns
from calibset.pipeline.drafting.file_kinds import FileKind, Unread, find_kind, is_plain_so_far, read_head
from calibset.sources.formats.columns import drop_nulls
from calibset.sources.formats.csv_rows import DELIMITERS, CsvRow, Dialect, read_csv, read_header
from calibset.sources.formats.encoding_guess import guess_encoding
from calibset.sources.formats.json_rows import read_json_rows
from calibset.sources.formats.question_columns import find_question_columns
from calibset.sources.formats.web_page import find_declared_encoding, is_page
from calibset.sources.formats.workbook import list_other_sheets, read_rows, read_table
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.encodings import find_encoding, is_utf8
from calibset.storage.files import File

_LOOKED_AT = 50
_MARK = "<|endoftext|>"
_DEEPEST = 4
# The columns in which `chat` looks for turns by itself.
_TURNS = ("messages", "conversations", "prompt")
# What `chat` reads beside them.
_BESIDE_TURNS = ("tools", "functions", "system", "completion", "chosen", "id", "uuid", "conversation_id")

Value = str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileGuess:
    """How a file is read.

    Attributes:
        file: The file.
        kind: What its bytes and name say it is.
        type: The adapter.
        keys: The adapter's keys that differ from their defaults.
        is_certain: Whether the columns were known by their names, or are the only ones there.
        candidates: The columns that could be meant.
        assumes_utf8: Whether no letter that was seen tells the encoding, and there are more to come.
        left_columns: The columns that are not read.
        left_sheets: The sheets of a workbook that are not read.
    """

    file: File
    kind: FileKind
    type: str
    keys: Mapping[str, Value] = field(default_factory=dict)
    is_certain: bool = True
    candidates: tuple[str, ...] = ()
    assumes_utf8: bool = False
    left_columns: tuple[str, ...] = ()
    left_sheets: tuple[str, ...] = ()

    @property
    def reading(self) -> tuple[str, str]:
        """What files that are read alike share."""
        return self.type, repr(self.keys)


def guess_file(file: File) -> FileGuess | Unread:
    """Return how a file is read, or why it is not."""
    kind = find_kind(file)
    if isinstance(kind, Unread):
        return kind
    try:
        guess = _GUESSES[kind](file)
        if isinstance(guess, FileGuess) and kind in ("csv", "json") and "encoding" not in guess.keys:
            guess = replace(guess, assumes_utf8=is_plain_so_far(file))
    except CalibsetError as error:
        return Unread(file.name, str(error).removeprefix(f"{file.name}: "))
    return guess


def _guess_text(file: File) -> FileGuess | Unread:
    head = read_head(file)
    if is_page(file) and find_declared_encoding(head):
        return FileGuess(file=file, kind="text", type="text")
    encoding = _guess_encoding(head)
    if encoding is None:
        return Unread(file.name, "the encoding of its text is unknown; save it as UTF-8")
    keys: dict[str, Value] = {} if is_utf8(encoding) else {"encoding": encoding}
    if _MARK.encode() in head:
        keys["separator"] = _MARK
    return FileGuess(file=file, kind="text", type="text", keys=keys)


def _guess_csv(file: File) -> FileGuess | Unread:
    encoding = _guess_encoding(read_head(file))
    if encoding is None:
        return Unread(file.name, "the encoding of its text is unknown; save it as UTF-8")
    file = replace(file, encoding=encoding)
    readings: dict[Dialect, tuple[int, int, list[dict[str, str]]]] = {}
    for escape in ("", "\\"):
        for delimiter in DELIMITERS:
            dialect = Dialect(delimiter=delimiter, escape=escape)
            read = list(islice(read_csv(file, required=(), dialect=dialect), _LOOKED_AT))
            good = [row.columns for row in read if isinstance(row, CsvRow)]
            readings[dialect] = (len(good) - len(read), len(read_header(file, dialect)) if good else 0, good)
    # The fewest broken rows, then the most columns; of equal ones the first, which is the plainest.
    dialect = max(readings, key=lambda dialect: readings[dialect][:2])
    rows = readings[dialect][2]
    if not rows:
        return Unread(file.name, "holds no row below its header")
    guess = guess_columns(rows)
    if fault := _find_header_fault(read_header(file, dialect), rows, guess):
        return Unread(file.name, fault)
    keys: dict[str, Value] = {}
    if dialect.delimiter != ",":
        keys["delimiter"] = dialect.delimiter
    if dialect.escape:
        keys["escape"] = dialect.escape
    if not is_utf8(encoding):
        keys["encoding"] = encoding
    return _finish(file, "csv", "csv", guess, keys, rows)


def _guess_json(file: File) -> FileGuess | Unread:
    encoding = _guess_encoding(read_head(file))
    if encoding is None:
        return Unread(file.name, "the encoding of its text is unknown; save it as UTF-8")
    file = replace(file, encoding=encoding)
    keys: dict[str, Value] = {} if is_utf8(encoding) else {"encoding": encoding}
    values = [value for _, _, value in islice(read_json_rows(file), _LOOKED_AT)]
    rows = [value for value in values if isinstance(value, dict)]
    if not rows:
        fault = next((value.reason for value in values if isinstance(value, Rejection)), "")
        return Unread(file.name, fault or "holds no JSON objects")
    if len(values) == 1:
        guess = guess_columns(rows)
        path, inner = next(_find_rows(rows[0]), ("", []))
        if path and guess.turns is None:
            inner = inner[:_LOOKED_AT]
            return _finish(file, "json", "jsonl", guess_columns(inner), keys | {"rows_at": path}, inner)
        if guess.turns is None and (not guess.columns or not guess.is_certain):
            return Unread(file.name, "holds a single JSON object, and no rows")
    return _finish(file, "json", "jsonl", guess_columns(rows), keys, rows)


def _guess_parquet(file: File) -> FileGuess | Unread:
    import pyarrow.parquet

    with file.open_random_access() as stream:
        try:
            schema = pyarrow.parquet.read_schema(stream)
        except (pyarrow.ArrowException, OSError) as error:
            return Unread(file.name, f"damaged: {str(error).splitlines()[0]}")
    names = [field.name for field in schema if not _is_binary(field.type)]
    groups = read_row_groups(file, tuple(names))
    rows = [row for group in groups[:1] for _, row in islice(group.read_rows(), _LOOKED_AT)]
    found = [drop_nulls(dict(row)) for row in rows if isinstance(row, Mapping)]
    if not found:
        return Unread(file.name, "holds no rows")
    columns = [dict.fromkeys(schema.names)]
    return _finish(file, "parquet", "parquet", guess_columns(found), {}, columns)


def _guess_excel(file: File) -> FileGuess | Unread:
    header, rows = read_table(file)
    found = [
        {name: cell for name, cell in row.items() if cell}
        for row in islice(rows, _LOOKED_AT)
        if isinstance(row, dict)
    ]
    if not found:
        return Unread(file.name, "its first sheet holds no row below its header")
    guess = guess_columns(found)
    # A title is a row of fewer cells than those below it.
    first, others = read_rows(file, None, "look at it")
    width = max(len(row) for row in (first, *islice(others, _LOOKED_AT - 1)) if isinstance(row, tuple))
    if fault := _find_header_fault([*header, *[""] * (width - len(header))], found, guess):
        return Unread(file.name, fault)
    found_guess = _finish(file, "excel", "excel", guess, {}, [dict.fromkeys(header)])
    if isinstance(found_guess, Unread):
        return found_guess
    return replace(found_guess, left_sheets=tuple(list_other_sheets(file)[1]))


def _find_header_fault(
    header: Sequence[str], rows: Sequence[Mapping[str, Any]], guess: ColumnGuess
) -> str | None:
    """Return why the columns of a table can't be told apart by its header."""
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        return f"{header.count(twice)} columns are named {twice!r}; rename all but one"
    # Columns without a name may be row numbers, or empty. Several, or a workbook's, are not in the rows.
    is_unseen = "" in header and not any("" in row for row in rows)
    if "" in guess.candidates or (is_unseen and not guess.is_named):
        return (
            "the first line looks like a title and not like column names; delete the lines above the header"
        )
    return None


def _is_binary(kind: Any) -> bool:
    import pyarrow

    return bool(
        pyarrow.types.is_binary(kind)
        or pyarrow.types.is_large_binary(kind)
        or (pyarrow.types.is_struct(kind) and any(_is_binary(inner.type) for inner in kind))
    )


def _guess_by_kind(file: File, kind: FileKind) -> FileGuess:
    return FileGuess(file=file, kind=kind, type=kind)


_GUESSES: Mapping[FileKind, Callable[[File], FileGuess | Unread]] = {
    "text": _guess_text,
    "csv": _guess_csv,
    "json": _guess_json,
    "parquet": _guess_parquet,
    "excel": _guess_excel,
    "ontology": partial(_guess_by_kind, kind="ontology"),
    "wikipedia": partial(_guess_by_kind, kind="wikipedia"),
}


def _finish(
    file: File,
    kind: FileKind,
    type_: str,
    guess: ColumnGuess,
    keys: Mapping[str, Value],
    rows: Sequence[Mapping[str, Any]],
) -> FileGuess | Unread:
    """Return the guess for a table, with its columns as keys and those of its rows that are left."""
    names = list(dict.fromkeys(name for row in rows for name in row if name))
    if guess.turns is not None:
        named: Mapping[str, Value] = {} if guess.turns in _TURNS else {"messages": guess.turns}
        left = _list_left(names, (guess.turns, *_BESIDE_TURNS))
        return FileGuess(file=file, kind=kind, type="chat", keys={**named, **keys}, left_columns=left)
    if guess.has_history:
        known = {key: value for key, value in keys.items() if key in ("encoding", "rows_at")}
        columns = find_question_columns(names)
        left = _list_left(names, columns.names if columns else names)
        return FileGuess(file=file, kind=kind, type="alpaca", keys=known, left_columns=left)
    if not guess.columns:
        return Unread(file.name, "none of its columns holds text")
    used = guess.columns.values() if isinstance(guess.columns, Mapping) else (guess.columns,)
    paths = [path for value in used for path in ((value,) if isinstance(value, str) else value)]
    return FileGuess(
        file=file,
        kind=kind,
        type=type_,
        keys={"columns": guess.columns, **keys},
        is_certain=guess.is_certain,
        candidates=guess.candidates,
        left_columns=_list_left(names, paths),
    )


def _list_left(names: Sequence[str], used: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are not used, neither as a whole nor by a path into them."""
    return tuple(name for name in names if not any(f"{path}.".startswith(f"{name}.") for path in used))


def _guess_encoding(head: bytes) -> str | None:
    marked = find_encoding(head, "utf-8")
    try:
        head.decode(marked)
    except UnicodeDecodeError:
        return guess_encoding(head)
    return "utf-8"  # a byte order mark goes before it


def _find_rows(value: Any, path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the dotted paths of lists of objects inside an object."""
    if not isinstance(value, dict) or not depth:
        return
    for key, item in value.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(item, list) and item and all(isinstance(row, dict) for row in item):
            yield inner, item
        else:
            yield from _find_rows(item, inner, depth - 1)
