"""Files of plain text, whole or in parts between separator lines."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.core.documents import Rejection
from calibset.storage.files import File
from calibset.storage.text_lines import RecordLines, read_lines


def read_text(file: File) -> str | Rejection:
    """Return the text of a file, or a rejection if it is longer than a record may be."""
    whole = RecordLines(file.name)
    for line in read_lines(file, keep_undecodable=True):
        whole.add(line)
        if whole.rejection:
            break
    return whole.text()


def split_text(file: File, separator: str) -> Iterator[RecordLines]:
    """Yield the parts of a file between separator lines, or between blank lines if it is empty."""
    part = RecordLines(f"{file.name}:1")
    for number, line in enumerate(read_lines(file, keep_undecodable=True), start=1):
        if isinstance(line, Rejection) or line.strip() != separator:
            part.add(line)
            continue
        if part.lines or separator:
            yield part
        part = RecordLines(f"{file.name}:{number + 1}")
    if part.lines:
        yield part
