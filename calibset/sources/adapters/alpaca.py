"""Tables of instructions and answers, in whatever kind of file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from calibset.core.documents import Conversation, Filtered, Kind, Record, Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.chat_formats.base import ReasoningOption
from calibset.sources.chat_formats.prompt_completion import join_turns
from calibset.sources.formats.columns import EMPTY_TEXT, collect_metadata, describe_value, make_dialogue
from calibset.sources.formats.csv_rows import DELIMITERS, Dialect, read_csv
from calibset.sources.formats.json_rows import (
    RowsPath,
    has_row_per_line,
    read_json_rows,
)
from calibset.sources.formats.question_columns import (
    SPELLINGS,
    QuestionColumns,
    find_question_columns,
)
from calibset.sources.formats.workbook import describe_other_sheets, is_workbook, read_table
from calibset.sources.json_source import JsonSource
from calibset.sources.parquet_source import ParquetSource, is_columnar
from calibset.sources.sampling.files import is_looked_into
from calibset.storage.files import File
from calibset.storage.text_lines import read_first_character, read_lines


class Alpaca(JsonSource, ParquetSource):
    """Instructions and answers, a pair on each row, as dialogues.

    They are read from CSV (delimited by commas, semicolons, tabs or bars), JSON Lines, JSON arrays, parquet
    files and workbooks; what is inside a file decides, not its ending. The columns are known by their names,
    in any case: `instruction`, `prompt`, `question`, `query`, `human`, `user`, `problem` or `input` for what
    is asked, and `output`, `completion`, `response`, `answer`, `assistant`, `gpt`, `solution` or `chosen` for
    the answer. An `input` stands behind its instruction and a `context` before the question, each with a
    blank line between; `system` or `system_prompt` is the system prompt, and `history` a list of the earlier
    pairs. Tables with other names are read by `csv`, `jsonl`, `parquet` or `excel` and their `columns`.
    """

    summary: ClassVar[str] = "instructions and answers (Alpaca, question/answer …), any kind of table"
    kind: ClassVar[Kind | None] = "conversations"
    needed: ClassVar[tuple[str, ...]] = SPELLINGS

    type: Literal["alpaca"] = "alpaca"
    rows_at: RowsPath = None
    reasoning: ReasoningOption = None

    def for_given_rows(self) -> Alpaca:
        """Return the source that reads rows in memory."""
        return self._read_from_memory()

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for tables of text, compressed or not, for parquet files and for workbooks."""
        return (
            *self.patterns_for("jsonl", "ndjson", "json", "csv", "tsv"),
            *self.patterns_for("parquet", "arrow", "feather", "xlsx", "xlsm", compressed=False),
        )

    def can_split(self, file: File) -> bool:
        """Return whether a file has one JSON value per line."""
        if is_columnar(file) or self.rows_at is not None:
            return False
        if not is_looked_into(file):  # and isn't opened to find out
            return file.stem.endswith((".jsonl", ".ndjson"))
        return not is_workbook(file) and read_first_character(file) == "{" and has_row_per_line(file)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one dialogue per row, with the id ``FILE#ROW``."""
        if is_columnar(file):
            yield from super().read(file)
        elif is_workbook(file):
            header, rows = read_table(file)
            _require_question_columns(file, header)
            for number, row in enumerate(rows):
                position = f"{file.name}#{number}"
                yield row if isinstance(row, Rejection) else self.parse_row(row, position)
        elif file.is_part or read_first_character(file) in ("{", "["):
            for number, position, row in read_json_rows(file, SPELLINGS, rows_at=self.rows_at):
                record_id = f"{file.name}#{number}"
                yield row if isinstance(row, Rejection) else _read_row(row, record_id, position)
        else:
            yield from self._read_csv(file)

    def note_unread(self, files: Sequence[File]) -> str | None:
        """Return a note on the sheets of workbooks that are not read."""
        books = [file for file in files if file.stem.endswith((".xlsx", ".xlsm"))]
        return describe_other_sheets(books, None, 'type = "excel" reads another with sheet = …')

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the dialogue of a row."""
        return _read_row(row, position, position)

    def _read_csv(self, file: File) -> Iterator[Record]:
        delimiter, columns = _find_delimiter(file)
        for row in read_csv(file, required=columns.names, dialect=Dialect(delimiter=delimiter)):
            if isinstance(row, Rejection):
                yield row
            else:
                yield _read_row(row.columns, f"{file.name}#{row.number}", f"{file.name}:{row.line}")


def _find_delimiter(file: File) -> tuple[str, QuestionColumns]:
    """Return the delimiter by which a CSV file's first line names columns of questions and answers."""
    lines = (line for line in read_lines(file) if isinstance(line, str) and not line.startswith("sep="))
    first = next(filter(str.strip, lines), "")
    for delimiter in DELIMITERS:
        # A carriage return inside the line would be an error here; the rows tell of it.
        names = next(csv.reader([first.replace("\r", " ")], delimiter=delimiter), [])
        if columns := find_question_columns(name.strip() for name in names):
            return delimiter, columns
    raise _no_columns(file, first)


def _require_question_columns(file: File, names: list[str]) -> None:
    if find_question_columns(names) is None:
        raise _no_columns(file, ", ".join(names))


def _no_columns(file: File, header: str) -> SourceError:
    return SourceError(
        f"{file.name}: no columns such as instruction and output, or question and answer; its header is "
        f"{excerpt(header)!r}: name them with columns = {{ user = …, assistant = … }} and the type csv, "
        "jsonl, parquet or excel"
    )


def _read_row(row: Any, record_id: str, position: str) -> Record:
    if not isinstance(row, Mapping):
        return Rejection(position=position, reason="row is no object", excerpt=describe_value(row))
    columns = find_question_columns(name for name in row if isinstance(name, str))
    if columns is None:
        reason = "no columns such as 'instruction' and 'output'"
        return Rejection(position=position, reason=reason, excerpt=describe_value(row))
    record = _make_record(row, columns, record_id, position)
    if not isinstance(record, Conversation):
        return record
    return replace(record, metadata=collect_metadata(row, columns.names))


def _make_record(row: Mapping[str, Any], columns: QuestionColumns, record_id: str, position: str) -> Record:
    if turns := join_turns(row[columns.user], row[columns.assistant]):
        return make_dialogue(turns, record_id, position)
    words = {name: row[name] for name in columns.names if name != columns.history}
    for name, value in words.items():
        if not isinstance(value, str | None):
            reason = f"column {name!r} is no text"
            return Rejection(position=position, reason=reason, excerpt=describe_value(value))
    said = {name: (value or "").strip() for name, value in words.items()}
    asked = "\n\n".join(
        said[name] for name in (columns.context, columns.user, columns.input) if name and said[name]
    )
    answer = said[columns.assistant]
    if not asked and not answer:
        return Filtered(position=position, reason=EMPTY_TEXT)
    earlier = row[columns.history] if columns.history else None
    history = _read_history(earlier)
    if history is None:
        reason = "history is no list of pairs"
        return Rejection(position=position, reason=reason, excerpt=describe_value(earlier))
    system = said[columns.system] if columns.system else ""
    pairs = [("system", system), *history, ("user", asked), ("assistant", answer)]
    return make_dialogue([{"role": role, "content": words} for role, words in pairs], record_id, position)


def _read_history(value: Any) -> list[tuple[str, str]] | None:
    """Return the turns of the earlier pairs of a question and an answer; None if they aren't that."""
    if not isinstance(value, list | None):
        return None
    turns: list[tuple[str, str]] = []
    for pair in value or ():
        if not isinstance(pair, list) or list(map(type, pair)) != [str, str]:
            return None
        turns += zip(("user", "assistant"), pair, strict=True)
    return turns
