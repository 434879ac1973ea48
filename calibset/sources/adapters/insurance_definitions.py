"""Definitions of insurance contracts: one corpus that is published in three forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from calibset.core.documents import Document, Kind, Record, Rejection
from calibset.core.text import excerpt, replace_surrogates
from calibset.sources.base import Source
from calibset.sources.formats.definitions import Definition, read_definitions
from calibset.storage.files import File, Reader


class InsuranceDefinitions(Source):
    """Definitions, one per document: the term, then how a contract defines it.

    The corpus has the same documents in several forms, so only the first form that exists is read.
    """

    summary: ClassVar[str] = "definitions of insurance contracts (data.json, raw.txt or a workbook)"
    kind: ClassVar[Kind | None] = "texts"

    type: Literal["insurance-definitions"] = "insurance-definitions"

    def patterns(self) -> tuple[str, ...]:
        """Return the file names of the corpus's forms, the richest first."""
        return ("data.json", "raw.txt", "*.xlsx")

    def select_files(self, reader: Reader) -> tuple[File, ...]:
        """Return the files that the recipe names, or else those of the first form that exists."""
        files = super().select_files(reader)
        if self.files:
            return files
        forms = (tuple(file for file in files if fnmatchcase(file.name, form)) for form in self.patterns())
        return next(filter(None, forms), files)

    def read(self, file: File) -> Iterator[Record]:
        """Yield the definitions; ids are ``TERM#N``, N counted from 0 within the term."""
        counts: Counter[str] = Counter()
        for definition in read_definitions(file):
            if isinstance(definition, Rejection):
                yield definition
                continue
            term = replace_surrogates(definition.term).strip() if isinstance(definition.term, str) else ""
            yield _make_record(definition, term, f"{term}#{counts[term]}", file.name)
            counts[term] += 1


def _make_record(definition: Definition, term: str, record_id: str, file_name: str) -> Record:
    position = f"{file_name}: {record_id[:200]}"
    text = definition.text
    if not term:
        return Rejection(position=position, reason="no term", excerpt=excerpt(text))
    if not isinstance(text, str | None):
        return Rejection(position=position, reason="definition is no text", excerpt=type(text).__name__)
    text = replace_surrogates(text or "").strip()
    if not text:
        return Rejection(position=position, reason="empty definition", excerpt=excerpt(term))
    fields = {"lob": definition.line_of_business, "country": definition.country}
    metadata = {
        name: replace_surrogates(value) for name, value in fields.items() if value and isinstance(value, str)
    }
    return Document(id=record_id, text=f"{term}\n{text}", metadata=metadata)
