"""Bitext's customer-support questions and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Conversation, Document, Filtered, Kind, Message, Record, Rejection
from calibset.core.text import excerpt, unescape_html
from calibset.sources.base import Source
from calibset.sources.formats.columns import EMPTY_TEXT
from calibset.sources.formats.csv_rows import read_csv
from calibset.sources.formats.placeholders import fill_placeholders, similarity_key
from calibset.storage.files import File

_BREAK = re.compile(r"<br ?/?>|\r\n?", re.IGNORECASE)


class Bitext(Source):
    """Questions and their answers, one pair per row, as dialogues or as text."""

    summary: ClassVar[str] = "Bitext customer-support questions and answers (CSV)"

    type: Literal["bitext"] = "bitext"
    form: Literal["conversation", "text"] = Field(
        "conversation",
        description="A user and an assistant turn (`conversation`), or one text of the question and the "
        "answer behind it (`text`).",
    )
    placeholders: Literal["keep", "fill"] = Field(
        "keep",
        description="Whether {{POLICY_NUMBER}} and the like stay (`keep`) or are replaced by made-up values "
        "(`fill`).",
    )

    @property
    def gives(self) -> Kind:
        """Conversations, or texts if `form` says so."""
        return "conversations" if self.form == "conversation" else "texts"

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for CSV files."""
        return self.patterns_for("csv")

    def read(self, file: File) -> Iterator[Record]:
        """Yield one record per row, with the id ``FILE#ROW``, rows counted from 0 without the header."""
        for row in read_csv(file, required=("instruction", "response")):
            if isinstance(row, Rejection):
                yield row
            else:
                yield self._make_record(f"{file.name}#{row.number}", row.columns)

    def _make_record(self, position: str, columns: dict[str, str]) -> Record:
        question, answer = self._read_sides(columns["instruction"], columns["response"])
        if not question and not answer:
            return Filtered(position=position, reason=EMPTY_TEXT)
        if not question:
            return Rejection(position=position, reason="empty instruction", excerpt=excerpt(answer))
        if not answer:
            return Rejection(position=position, reason="empty response", excerpt=excerpt(question))
        metadata = {
            name: value for name in ("category", "intent", "tags") if (value := columns.get(name, "").strip())
        }
        if "category" in metadata:
            metadata["category"] = metadata["category"].upper()
        if self.form == "text":
            return Document(id=position, text=f"{question}\n{answer}", metadata=metadata)
        turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
        return Conversation(id=position, messages=turns, metadata=metadata)

    def _read_sides(self, instruction: str, response: str) -> tuple[str, str]:
        question, answer = _clean(instruction), _clean(response)
        if self.placeholders == "keep":
            return question, answer
        key = similarity_key(f"{question}\n{answer}")
        return fill_placeholders(question, key), fill_placeholders(answer, key)


def _clean(text: str) -> str:
    return _BREAK.sub("\n", unescape_html(text)).replace("\xa0", " ").strip()
