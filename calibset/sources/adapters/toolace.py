"""ToolACE: conversations with tools, most of whose names are not identifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from calibset.core.documents import Kind, Record
from calibset.sources.base import Source
from calibset.sources.chat_formats import toolace
from calibset.sources.chat_formats.base import ReasoningOption, RepairOption, read_conversation
from calibset.sources.formats.json_rows import read_json_array
from calibset.storage.files import File


class ToolACE(Source):
    """Reads `Team-ACE/ToolACE`."""

    summary: ClassVar[str] = "ToolACE: single and parallel tool calls, English and Chinese"
    kind: ClassVar[Kind | None] = "conversations"

    type: Literal["toolace"] = "toolace"
    repair: RepairOption = True
    reasoning: ReasoningOption = None

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for the corpus's only file, at the location's root or in a folder."""
        return ("data.json", "*/data.json")

    def read(self, file: File) -> Iterator[Record]:
        """Yield one conversation per row, in the file's order; rows are counted from 0."""
        for number, row in enumerate(read_json_array(file)):
            position = f"{file.name}#{number}"
            yield read_conversation(
                row,
                toolace.parse,
                position=position,
                conversation_id=f"{file.stem}#{number}",
                repair=self.repair,
            )
