"""Plain text files: each file is a document, or is split into several."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from calibset.core.documents import Document, Filtered, Kind, Record, Rejection
from calibset.sources.formats.columns import EMPTY_TEXT
from calibset.sources.formats.plain_text import read_text, split_at_lines, split_at_marks
from calibset.sources.formats.web_page import SUFFIXES as PAGE_SUFFIXES
from calibset.sources.formats.web_page import is_page, read_page
from calibset.sources.sampling.line_blocks import StartRule
from calibset.sources.text_source import TextSource
from calibset.storage.files import File

_LONGEST_SEPARATOR = 1_000
_FORM_FEED = "\f"
_MARK = re.compile(r"<\S+>")


class Text(TextSource):
    """Texts: plain text, Markdown and reStructuredText as they are, and web pages without their tags.

    Of a web page (``.html``) the text is read as a browser shows it, without scripts, menus (``nav``) and
    controls, in the encoding that it declares.
    """

    summary: ClassVar[str] = "texts (.txt, .md, .rst, .html), whole or split at a separator line"
    kind: ClassVar[Kind | None] = "texts"

    type: Literal["text"] = "text"
    separator: str | None = Field(
        None,
        description="The line between two documents (blank if empty); if unset, each file is one document. "
        "A form feed (\\f), which stands between the pages of a contract, and a mark such as "
        "<|endoftext|> divide a line too.",
    )

    @field_validator("separator")
    @classmethod
    def _check_separator(cls, separator: str | None) -> str | None:
        if not separator or separator == _FORM_FEED:
            return separator
        line = separator.strip()
        if not line:
            raise ValueError('a line with letters, or "" for a blank line, or "\\f" for a form feed')
        if len(line.splitlines()) > 1:
            raise ValueError("a single line")
        return line

    def patterns(self) -> tuple[str, ...]:
        """Return patterns for files of text, compressed or not."""
        return self.patterns_for("txt", "text", "md", "markdown", "rst", *PAGE_SUFFIXES)

    def can_split(self, file: File) -> bool:
        """Return whether a file is split at a separator that is short enough for a peek at the line."""
        if self.separator is None or is_page(file):
            return False
        return len(self.separator.encode()) < _LONGEST_SEPARATOR

    def start_rule(self, file: File) -> StartRule:
        """Return the rule that a part starts on the line after a separator, or on one that begins with it."""
        separator = self.separator or ""

        def starts(before: bytes | None, line: bytes) -> bool:
            if self._divides_lines() and _decode(line, file).startswith(separator):
                return True
            return before is not None and _decode(before, file).strip() == separator

        return starts

    def read(self, file: File) -> Iterator[Record]:
        """Yield the file with its name as id, or its parts with ``FILE#N``, N counted from 0."""
        if is_page(file):
            page = read_page(file)
            if isinstance(page, Rejection):
                yield page
                return
            file = page
        if self.separator is None:
            yield _make_document(file.name, file.name, read_text(file))
            return
        split = split_at_marks if self._divides_lines() else split_at_lines
        for number, part in enumerate(split(file, self.separator)):
            yield _make_document(f"{file.name}#{number}", part.position, part.text())

    def _divides_lines(self) -> bool:
        return self.separator == _FORM_FEED or bool(_MARK.fullmatch(self.separator or ""))


def _decode(line: bytes, file: File) -> str:
    return line.decode(file.encoding, "replace")


def _make_document(document_id: str, position: str, text: str | Rejection) -> Record:
    if isinstance(text, Rejection):
        return text
    text = text.strip()
    return Document(id=document_id, text=text) if text else Filtered(position=position, reason=EMPTY_TEXT)
