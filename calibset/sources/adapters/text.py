"""Plain text files: each file is a document, or is split into several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.core.documents import Document, Record, Rejection
from calibset.core.text import excerpt
from calibset.sources.base import Source
from calibset.sources.formats.plain_text import read_text, split_text
from calibset.sources.sampling.line_blocks import StartRule
from calibset.storage.files import File
from calibset.storage.text_lines import has_undecodable_bytes

_LONGEST_SEPARATOR = 1_000


class Text(Source):
    """Plain UTF-8 text."""

    summary: ClassVar[str] = "plain text files, whole or split at a separator line"

    type: Literal["text"] = "text"
    separator: str | None = Field(
        None,
        description="The line between two documents (blank if empty); if unset, each file is one document.",
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.txt`` files, compressed or not."""
        return self.patterns_for("txt")

    def can_split(self, file: File) -> bool:  # noqa: ARG002  (the separator tells)
        """Return whether files are split at a separator that is short enough for a peek at the line."""
        return self.separator is not None and len(self.separator.encode()) < _LONGEST_SEPARATOR

    def start_rule(self, file: File) -> StartRule:  # noqa: ARG002  (the separator tells)
        """Return the rule that a part starts on the line after a separator."""
        separator = (self.separator or "").strip()
        return lambda before, _line: (
            before is not None and before.decode("utf-8", "surrogateescape").strip() == separator
        )

    def read(self, file: File) -> Iterator[Record]:
        """Yield the file with its name as id, or its parts with ``FILE#N``, N counted from 0."""
        if self.separator is None:
            yield _make_document(file.name, file.name, read_text(file))
            return
        for number, part in enumerate(split_text(file, self.separator.strip())):
            yield _make_document(f"{file.name}#{number}", part.position, part.text())


def _make_document(document_id: str, position: str, text: str | Rejection) -> Record:
    if isinstance(text, Rejection):
        return text
    if has_undecodable_bytes(text):
        return Rejection(position=position, reason="not valid UTF-8", excerpt=excerpt(text))
    text = text.strip()
    return Document(id=document_id, text=text) if text else Rejection(position=position, reason="empty text")
