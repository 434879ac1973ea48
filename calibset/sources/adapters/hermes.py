"""Hermes function calling v1: conversations with tools, one JSON array for each config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from calibset.core.documents import Conversation, Filtered, Record
from calibset.core.fields import as_tuple
from calibset.sources.base import Source
from calibset.sources.chat_formats import hermes
from calibset.sources.chat_formats.base import RepairOption, read_conversation, read_id
from calibset.sources.formats.json_files import read_json_array
from calibset.storage.files import File, Reader

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


class Hermes(Source):
    """Reads `NousResearch/hermes-function-calling-v1`.

    A dialogue that stands in two configs has one id in both, the corpus's own. Of a question that
    `func_calling` goes on with, the copy in `func_calling_singleturn`, which ends on the call, is
    filtered.
    """

    summary: ClassVar[str] = "Hermes function calling v1: tool calls and JSON mode, English"

    type: Literal["hermes"] = "hermes"
    config: Annotated[tuple[Config, ...], BeforeValidator(as_tuple)] = Field(
        tuple(_FILES), description="Any of the five configs; all of them if unset.", min_length=1
    )
    repair: RepairOption = True
    _kept: dict[str, list[Record]] = PrivateAttr(default_factory=dict)

    def patterns(self) -> tuple[str, ...]:
        """Return the files of the configs, at the place's root or in a folder."""
        return tuple(pattern for name in self.config for pattern in (_FILES[name], f"*/{_FILES[name]}"))

    def read_shuffled(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield conversations in seeded order, of two forms of one dialogue the longer."""
        reading = self.model_copy(deep=True)
        longest = reading._longest(reader)  # noqa: SLF001 - a copy of its own, for what it keeps
        for record in super(Hermes, reading).read_shuffled(reader, seed=seed):
            if isinstance(record, Conversation) and len(record.messages) < longest.get(record.id, 0):
                yield Filtered(position=record.id, reason="goes on in func_calling")
            else:
                yield record

    def _longest(self, reader: Reader) -> dict[str, int]:
        """Return the number of messages of the dialogues that go on in `func_calling`."""
        if not {"func_calling", "func_calling_singleturn"} <= set(self.config):
            return {}
        continued = [file for file in self.select_files(reader) if file.stem == _FILES["func_calling"]]
        records = (record for file in continued for record in self._kept_or_streamed(file))
        return {record.id: len(record.messages) for record in records if isinstance(record, Conversation)}

    def _kept_or_streamed(self, file: File) -> Iterable[Record]:
        """Return a file's records; those of one that is loaded anyway are kept until they are read."""
        if self.must_stream(file):
            return self.read(file)
        self._kept[file.name] = list(self.read(file))
        return self._kept[file.name]

    def read(self, file: File) -> Iterator[Record]:
        """Yield a conversation a row, in the file's order; rows are counted from 0.

        Raises:
            SourceError: The file holds no JSON array.
        """
        if file.name in self._kept:
            yield from self._kept.pop(file.name)
            return
        for number, row in enumerate(read_json_array(file)):
            position = f"{file.name}#{number}"
            name = read_id(row, "id") or position
            yield read_conversation(
                row, hermes.parse, position=position, conversation_id=name, repair=self.repair
            )
