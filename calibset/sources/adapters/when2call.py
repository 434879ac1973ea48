"""When2Call: when to call a tool, when to ask a question back and when to decline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from calibset.core.documents import Kind, Record, Rejection
from calibset.core.fields import as_tuple
from calibset.sources.base import Source
from calibset.sources.chat_formats import when2call
from calibset.sources.chat_formats.base import ReasoningOption, RepairOption, read_conversation, read_id
from calibset.sources.formats.json_rows import parse_json
from calibset.storage.files import File
from calibset.storage.text_lines import read_lines

Split = Literal["train_sft", "train_pref", "test"]


class When2Call(Source):
    """Reads `nvidia/When2Call` line by line, since rows have optional keys.

    The test split comes from BFCL: leave it out if BFCL is used for evaluation.
    """

    summary: ClassVar[str] = "When2Call: calls, questions back and refusals, English"
    kind: ClassVar[Kind | None] = "conversations"

    type: Literal["when2call"] = "when2call"
    split: Annotated[tuple[Split, ...], BeforeValidator(as_tuple)] = Field(
        ("train_sft", "train_pref"),
        description="Any of `train_sft`, `train_pref` and `test`; the first two if unset.",
        min_length=1,
    )
    repair: RepairOption = True
    reasoning: ReasoningOption = None

    def patterns(self) -> tuple[str, ...]:
        """Return a pattern for each split."""
        return tuple(f"*when2call_{name}*.jsonl" for name in self.split)

    def choose_names(self, names: list[str]) -> list[str]:
        """Return the names: the patterns say already of which configuration and split they are."""
        return names

    def read(self, file: File) -> Iterator[Record]:
        """Yield one conversation per line, in the file's order; lines are counted from 1."""
        for number, line in enumerate(read_lines(file), start=1):
            position = f"{file.name}#{number}"
            if isinstance(line, Rejection):
                yield replace(line, position=position)
                continue
            row = parse_json(line, position) if line.strip() else {}
            if isinstance(row, Rejection):
                yield row
                continue
            name = read_id(row, "uuid") or f"{file.stem}#{number}"
            yield read_conversation(
                row, when2call.parse, position=position, conversation_id=name, repair=self.repair
            )
