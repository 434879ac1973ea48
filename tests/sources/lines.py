"""A small adapter, for tests of what every adapter inherits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from calibset.core.documents import Document, Record
from calibset.sources.base import Source
from calibset.storage.files import File, memory_reader
from calibset.storage.text_lines import read_lines


class Lines(Source):
    """A document a line."""

    def patterns(self) -> tuple[str, ...]:
        return ("*.txt",)

    def read(self, file: File) -> Iterator[Record]:
        for number, line in enumerate(read_lines(file)):
            yield Document(id=f"{file.name}#{number}", text=str(line))


def lines(**options: Any) -> Lines:
    return Lines.model_validate({"type": "lines", "group": "g", "where": "here", **options})


def read_ids(source: Source, contents: dict[str, bytes], seed: int = 42) -> list[str]:
    return [
        record.id
        for record in source.read_shuffled(memory_reader(contents), seed=seed)
        if isinstance(record, Document)
    ]
