"""Plain text files: a file is a document, or is split into several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from calibset.document import Document, Record, Rejection
from calibset.sources.base import Source
from calibset.sources.columns import EXCERPT
from calibset.sources.suffixes import by_suffix
from calibset.storage.files import File, is_faulty, text_lines
from calibset.tokenizers.base import scalar_text

__all__ = ["Text"]


class Text(Source):
    """Plain UTF-8 text."""

    summary: ClassVar[str] = "plain text files, whole or split at a separator line"

    type: Literal["text"] = "text"
    separator: str | None = Field(
        None,
        description="The line between two documents (an empty string: a blank line); unset, a file is one.",
    )

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for ``.txt`` files, compressed or not."""
        return by_suffix(self, "txt")

    def read(self, file: File) -> Iterator[Record]:
        """Yield the file under its name, or its parts as ``FILE#N``, N counted from 0."""
        if self.separator is None:
            yield _document(file.name, file.name, "\n".join(text_lines(file, mark_faults=True)))
            return
        for number, (line, part) in enumerate(self._parts(file, self.separator.strip())):
            yield _document(f"{file.name}#{number}", f"{file.name}:{line}", part)

    def _parts(self, file: File, separator: str) -> Iterator[tuple[int, str]]:
        part: list[str] = []
        begun, number = 1, 0
        for number, line in enumerate(text_lines(file, mark_faults=True), start=1):
            if line.strip() != separator:
                part.append(line)
                continue
            if part or separator:
                yield begun, "\n".join(part)
            part, begun = [], number + 1
        if part:
            yield begun, "\n".join(part)


def _document(id_: str, place: str, text: str) -> Record:
    if is_faulty(text):
        return Rejection(place=place, reason="not valid UTF-8", excerpt=scalar_text(text[:EXCERPT]))
    stripped = text.strip()
    return Document(id=id_, text=stripped) if stripped else Rejection(place=place, reason="empty text")
