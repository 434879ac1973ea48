"""Conversations of any corpus in the two common formats: OpenAI's and ShareGPT's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Conversation, Record, Rejection
from calibset.sources.chat_formats import openai, sharegpt
from calibset.sources.chat_formats.base import ReasoningOption, RepairOption, read_conversation, read_id
from calibset.sources.formats.columns import collect_metadata, describe_value, drop_nulls
from calibset.sources.formats.json_rows import has_row_per_line, read_json_rows
from calibset.sources.parquet_source import ParquetSource, is_parquet
from calibset.sources.text_source import TextSource
from calibset.storage.files import File

Form = Literal["openai", "sharegpt"]

_IDS = ("id", "uuid", "conversation_id")
# Shorter ones, and those without a digit, are as often the same in many rows.
_UNIQUE = re.compile(r"(?=.*[0-9])[!-~]{8,200}")
_FORMATS = {
    "openai": ("messages", openai.parse),
    "sharegpt": ("conversations", sharegpt.parse),
}


class Chat(TextSource, ParquetSource):
    """Dialogues, with or without tools, in OpenAI's form (`messages`) or ShareGPT's (`conversations`).

    They are read from JSON Lines, JSON arrays or parquet files. Turns with `role` and `content` are in
    OpenAI's form, turns with `from` and `value` in ShareGPT's, whichever column they are in.

    In OpenAI's form an assistant turn calls tools with `tool_calls` or `function_call`, turns with the
    role `tool` or `function` hold the results, and `developer` is the system prompt. Reasoning
    (`reasoning_content`, `reasoning`, `thinking`) is left out, which counts as a repair. In ShareGPT's
    form a turn from `function_call` is a call or a list of calls, and a turn from `observation` (or
    `tool`, `function_response`) is the result of one call, or a list of the results of all. Tools are
    declared in `tools` or `functions`; a dialogue may end on a call.

    A row's `id`, `uuid` or `conversation_id` is used as the dialogue's id if it looks unique: 8
    characters or more, with a digit. Rows with images or sound are rejected, and so are rows with calls
    between tags, which `hermes` reads. Rows with `instruction` and `output`, as in Alpaca, are not
    dialogues: read them with `jsonl` or `parquet` and their `columns`.
    """

    summary: ClassVar[str] = "dialogues as OpenAI messages or ShareGPT conversations, JSON or parquet"

    type: Literal["chat"] = "chat"
    form: Literal["auto", "openai", "sharegpt"] = Field(
        "auto", description="How rows are written; auto: recognised by the columns and turns of each row."
    )
    messages: str = Field("messages", description="The column of turns in OpenAI's form.")
    conversations: str = Field("conversations", description="The column of turns in ShareGPT's form.")
    tools: str = Field("tools", description="The column of tools, as a list or JSON text; rows may lack it.")
    system: str = Field("system", description="The column of the system prompt; rows may lack it.")
    repair: RepairOption = True
    reasoning: ReasoningOption = None

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for JSON files, compressed or not, and for parquet files."""
        return (
            *self.patterns_for("jsonl", "ndjson", "json"),
            *self.patterns_for("parquet", compressed=False),
        )

    def can_split(self, file: File) -> bool:
        """Return whether a file has one row per line."""
        return not is_parquet(file) and has_row_per_line(file)

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns that make up a dialogue."""
        return tuple(dict.fromkeys((*self._turn_columns(), *self._other_columns(), *_IDS)))

    def read(self, file: File) -> Iterator[Record]:
        """Yield one dialogue per row, in the file's order."""
        if is_parquet(file):
            yield from super().read(file)
            return
        for number, position, row in read_json_rows(file):
            if isinstance(row, Rejection):
                yield row
            else:
                yield self._read_row(row, position, f"{file.name}#{number}")

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the dialogue of a parquet row."""
        return self._read_row(drop_nulls(row), position, position)

    def _read_row(self, row: Any, position: str, default_id: str) -> Record:
        turns = self._turn_columns()
        if not row or not isinstance(row, dict):
            return read_conversation(
                row, openai.parse, position=position, conversation_id=default_id, repair=self.repair
            )
        column = next((name for name in turns if row.get(name) is not None), None)
        if column is None:
            reason = f"no column {' or '.join(map(repr, turns))}"
            if "instruction" in row:
                reason += " but 'instruction', which `columns` of jsonl and parquet read as text"
            return Rejection(position=position, reason=reason, excerpt=describe_value(row))
        ids = (read_id(row, key) for key in _IDS)
        conversation_id = next(filter(_UNIQUE.fullmatch, ids), default_id)
        name, parse = _FORMATS[self._detect_form(column, row[column])]
        record = read_conversation(
            {**row, name: row[column], "tools": row.get(self.tools), "system": row.get(self.system)},
            parse,
            position=position,
            conversation_id=conversation_id,
            repair=self.repair,
        )
        if not isinstance(record, Conversation):
            return record
        return replace(record, metadata=collect_metadata(row, (*turns, *self._other_columns())))

    def _turn_columns(self) -> tuple[str, ...]:
        columns = {
            "auto": (self.messages, self.conversations),
            "openai": (self.messages,),
            "sharegpt": (self.conversations,),
        }
        return columns[self.form]

    def _other_columns(self) -> tuple[str, ...]:
        return (self.tools, "functions", self.system)

    def _detect_form(self, column: str, turns: object) -> Form:
        if self.form != "auto":
            return self.form
        first = turns[0] if isinstance(turns, list) and turns else None
        keys = first.keys() if isinstance(first, dict) else ()
        if "role" in keys or "from" in keys:
            return "openai" if "role" in keys else "sharegpt"
        return "openai" if column == self.messages else "sharegpt"
