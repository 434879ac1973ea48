"""Hermes function calling v1: conversations with tools, one JSON array for each config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from calibset.core.documents import Conversation, Filtered, Kind, Record
from calibset.core.fields import as_tuple
from calibset.sources.base import Source
from calibset.sources.chat_formats import hermes
from calibset.sources.chat_formats.base import ReasoningOption, RepairOption, read_conversation, read_id
from calibset.sources.formats.json_rows import read_json_array
from calibset.sources.sampling.interleave import Part
from calibset.storage.files import File

Config = Literal[
    "func_calling_singleturn",
    "func_calling",
    "glaive_func_calling",
    "json_mode_agentic",
    "json_mode_singleturn",
]

_FILES: Mapping[Config, str] = {
    "func_calling_singleturn": "func-calling-singleturn.json",
    "func_calling": "func-calling.json",
    "glaive_func_calling": "glaive-function-calling-5k.json",
    "json_mode_agentic": "json-mode-agentic.json",
    "json_mode_singleturn": "json-mode-singleturn.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ParsedFile(File):
    """A file with its records, so that it isn't read twice in one reading."""

    records: tuple[Record, ...]


class Hermes(Source):
    """Reads `NousResearch/hermes-function-calling-v1`.

    A dialogue that is in two configs has the same id in both, the corpus's own. If `func_calling`
    continues a dialogue of `func_calling_singleturn`, which ends on the call, the shorter copy is
    filtered.
    """

    summary: ClassVar[str] = "Hermes function calling v1: tool calls and JSON mode, English"
    kind: ClassVar[Kind | None] = "conversations"

    reads_by_file: ClassVar[bool] = False
    type: Literal["hermes"] = "hermes"
    config: Annotated[tuple[Config, ...], BeforeValidator(as_tuple)] = Field(
        tuple(_FILES), description="Any of the five configs; all of them if unset.", min_length=1
    )
    repair: RepairOption = True
    reasoning: ReasoningOption = None

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for the files of the configs, at the location's root or in a folder."""
        return tuple(pattern for name in self.config for pattern in (_FILES[name], f"*/{_FILES[name]}"))

    def choose_names(self, names: list[str]) -> list[str]:
        """Return the names: the patterns say already of which configuration and split they are."""
        return names

    def partition(self, files: Sequence[File], seed: int) -> Iterator[Part[Record]]:
        """Yield parts of the files; the shorter of two copies of a dialogue is filtered."""
        lengths: dict[str, int] = {}
        if {"func_calling", "func_calling_singleturn"} <= set(self.config):
            files = [self._parse_if_small(file) if _is_continued(file) else file for file in files]
            for file in sorted(filter(_is_continued, files), key=lambda file: file.name):
                lengths.update(_count_messages(self.read(file)))
        for part in super().partition(files, seed):
            yield Part(part.size, _filter_shorter(part.records, lengths))

    def _parse_if_small(self, file: File) -> File:
        if self.must_stream(file):
            return file
        records = tuple(self.read(file))
        return _ParsedFile(file.name, file.open_bytes, file.size, file.open_ranges, records=records)

    def read(self, file: File) -> Iterator[Record]:
        """Yield one conversation per row, in the file's order; rows are counted from 0."""
        if isinstance(file, _ParsedFile):
            yield from file.records
            return
        for number, row in enumerate(read_json_array(file)):
            position = f"{file.name}#{number}"
            name = read_id(row, "id") or position
            yield read_conversation(
                row, hermes.parse, position=position, conversation_id=name, repair=self.repair
            )


def _is_continued(file: File) -> bool:
    return file.stem == _FILES["func_calling"]


def _count_messages(records: Iterator[Record]) -> dict[str, int]:
    return {record.id: len(record.messages) for record in records if isinstance(record, Conversation)}


def _filter_shorter(records: Iterator[Record], lengths: Mapping[str, int]) -> Iterator[Record]:
    for record in records:
        if isinstance(record, Conversation) and len(record.messages) < lengths.get(record.id, 0):
            yield Filtered(position=record.id, reason="goes on in func_calling")
        else:
            yield record
