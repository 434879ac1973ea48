"""Conversations of any corpus in the two common formats: OpenAI's and ShareGPT's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Conversation, Kind, Record, Rejection
from calibset.sources.chat_formats import dialogue
from calibset.sources.chat_formats.base import ReasoningOption, RepairOption, read_conversation, read_id
from calibset.sources.chat_formats.prompt_completion import COMPLETIONS, join_turns
from calibset.sources.formats.columns import collect_metadata, describe_value, drop_nulls
from calibset.sources.formats.json_rows import (
    RowsPath,
    has_row_per_line,
    read_json_rows,
)
from calibset.sources.formats.question_columns import describe_question_columns
from calibset.sources.json_source import JsonSource
from calibset.sources.parquet_source import ParquetSource, is_columnar
from calibset.storage.files import File

_IDS = ("id", "uuid", "conversation_id")
# Shorter ones, and those without a digit, are as often the same in many rows.
_UNIQUE = re.compile(r"(?=.*[0-9])[!-~]{8,200}")


class Chat(JsonSource, ParquetSource):
    """Dialogues, with or without tools, as the common APIs and training tools write them.

    They are read from JSON Lines, JSON arrays or parquet files; what is inside a JSON file decides, not its
    ending. The turns are in `messages` or `conversations`, with `role` and `content` (OpenAI) or `from` and
    `value` (ShareGPT). Roles are known by all their common names, in any case: `human`, `gpt`, `model`,
    `developer`, `tool_call`, `function_call`, `observation`, `ipython` and so on. Content is text or typed
    parts of text, as OpenAI, Anthropic, Gemini, Mistral and Vercel have them. Several system turns at the
    head are joined by a blank line, which counts as a repair.

    Calls are in `tool_calls`, `function_call` or parts (`tool_use`, `functionCall`), in a turn of their own
    (`tool_call`, `function_call`), or in the assistant's words as models write them: `<tool_call>{…}`,
    `[TOOL_CALLS]…`, `<function=…>`, `<|python_tag|>…`, and the forms of DeepSeek, GLM, Granite, InternLM and
    Kimi. Calls in words that can't be read, that call an undeclared tool or that words follow make the row a
    rejection that names the form and says which; so do words that call a declared tool by its name without
    any of these marks, unless they stand in code. Results answer the call that they name, or the calls in
    their order. Arguments may be under `arguments`, `parameters`, `args`, `input` or `kwargs`, the parameters
    of a tool under `parameters`, `input_schema`, `inputSchema` or `params`. A call with any other key is
    rejected, and so is one in which two keys say different things; text under an unknown key of a turn or a
    tool is left out, which counts as a repair, and so is a column of a JSON row such as `system_prompt` or
    `available_tools` that `system` or `tools` doesn't name. Tools are declared in `tools` or `functions`; a
    dialogue may end on a call.

    What an assistant thinks (`reasoning_content`, `reasoning`, `thinking`, parts of thoughts, or `<think>` at
    the head of its words) is read as its reasoning.

    A row's `id`, `uuid` or `conversation_id` is used as the dialogue's id if it looks unique: 8
    characters or more, with a digit. Rows with images, sound, video or files are rejected as such. The turns
    may be in two columns, `prompt` and `completion` or `chosen`, as TRL has them. Instructions and answers
    that are plain text are read by `alpaca`.
    """

    summary: ClassVar[str] = "dialogues as OpenAI messages or ShareGPT conversations, JSON or parquet"
    kind: ClassVar[Kind | None] = "conversations"

    type: Literal["chat"] = "chat"
    form: Literal["auto", "openai", "sharegpt"] = Field(
        "auto",
        description="Where the turns are: in the column `messages` (`openai`), in `conversations` "
        "(`sharegpt`), or in whichever of them a row has (`auto`).",
    )
    messages: str = Field("messages", description="The column of turns, in OpenAI's corpora.")
    conversations: str = Field("conversations", description="The column of turns, in ShareGPT's corpora.")
    tools: str = Field("tools", description="The column of tools, as a list or JSON text; rows may lack it.")
    system: str = Field("system", description="The column of the system prompt; rows may lack it.")
    rows_at: RowsPath = None
    repair: RepairOption = True
    reasoning: ReasoningOption = None

    def for_given_rows(self) -> Chat:
        """Return the source that reads rows in memory."""
        return self._read_from_memory()

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for JSON files, compressed or not, and for parquet files."""
        return (
            *self.patterns_for("jsonl", "ndjson", "json"),
            *self.patterns_for("parquet", "arrow", "feather", compressed=False),
        )

    def can_split(self, file: File) -> bool:
        """Return whether a file has one row per line."""
        return not is_columnar(file) and self.rows_at is None and has_row_per_line(file)

    def needed_columns(self) -> tuple[str, ...]:
        """Return the columns that make up a dialogue."""
        return tuple(dict.fromkeys((*self._turn_columns(), *self._other_columns(), *_IDS)))

    def read(self, file: File) -> Iterator[Record]:
        """Yield one dialogue per row, in the file's order."""
        if is_columnar(file):
            yield from super().read(file)
            return
        for number, position, row in read_json_rows(
            file, (*self._turn_columns(), *COMPLETIONS), rows_at=self.rows_at
        ):
            if isinstance(row, Rejection):
                yield row
            else:
                yield self._read_row(row, position, f"{file.name}#{number}")

    def parse_row(self, row: Mapping[str, Any], position: str) -> Record:
        """Return the dialogue of a parquet row."""
        return self._read_row(drop_nulls(row), position, position)

    def _read_row(self, row: Any, position: str, default_id: str) -> Record:
        turns, fields = self._turn_columns(), {}
        if row and isinstance(row, dict):
            column = next((name for name in turns if row.get(name) is not None), None)
            messages = row[column] if column else self._join_turns(row)
            if not messages and column is None:
                reason = f"no column {' or '.join(map(repr, turns))}"
                if found := describe_question_columns(map(str, row)):
                    reason += f" but {found}"
                return Rejection(position=position, reason=reason, excerpt=describe_value(row))
            ids = (read_id(row, key) for key in _IDS)
            default_id = next(filter(_UNIQUE.fullmatch, ids), default_id)
            fields = {"messages": messages, "tools": row.get(self.tools), "system": row.get(self.system)}
        record = read_conversation(
            {**row, **fields} if fields else row,
            dialogue.parse,
            position=position,
            conversation_id=default_id,
            repair=self.repair,
        )
        if not isinstance(record, Conversation):
            return record
        return replace(record, metadata=collect_metadata(row, (*turns, *self._other_columns())))

    def _join_turns(self, row: Mapping[str, Any]) -> list[object]:
        """Return the turns of a row that has them in a prompt and what completes it; none if it hasn't."""
        if self.form != "auto":
            return []
        completion = next((row[name] for name in COMPLETIONS if row.get(name) is not None), None)
        return join_turns(row.get("prompt"), completion)

    def _turn_columns(self) -> tuple[str, ...]:
        columns = {
            "auto": (self.messages, self.conversations),
            "openai": (self.messages,),
            "sharegpt": (self.conversations,),
        }
        return columns[self.form]

    def _other_columns(self) -> tuple[str, ...]:
        prompts = ("prompt", *COMPLETIONS) if self.form == "auto" else ()
        return (self.tools, "functions", self.system, *prompts)
