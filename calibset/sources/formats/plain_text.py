"""Files of plain text, whole or in parts between separator lines or marks."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.core.documents import Rejection
from calibset.core.text import excerpt
from calibset.storage.files import File
from calibset.storage.text_lines import (
    RecordLines,
    describe_undecodable,
    has_undecodable_bytes,
    read_lines,
)


def read_text(file: File) -> str | Rejection:
    """Return the text of a file, or a rejection if it is no text or longer than a record may be."""
    whole = RecordLines(file.name)
    for line in read_lines(file):
        whole.add(line)
        if whole.rejection:
            break
    return whole.text()


def split_at_lines(file: File, separator: str) -> Iterator[RecordLines]:
    """Yield the parts of a file between separator lines, or between blank lines if it is empty."""
    part = RecordLines(f"{file.name}:1")
    for number, line in enumerate(read_lines(file), start=1):
        if isinstance(line, Rejection) or line.strip() != separator:
            part.add(line)
            continue
        if part.lines or separator:
            yield part
        part = RecordLines(f"{file.name}:{number + 1}")
    if part.lines:
        yield part


def split_at_marks(file: File, mark: str) -> Iterator[RecordLines]:
    """Yield the parts of a file between marks, wherever in a line they are, but for parts that are blank."""
    part = RecordLines(f"{file.name}:1")
    is_blank = True
    for number, line in enumerate(read_lines(file, keep_undecodable=True), start=1):
        pieces = [line] if isinstance(line, Rejection) else _reject_undecodable(line.split(mark), file)
        for index, piece in enumerate(pieces):
            if index:
                if not is_blank:
                    yield part
                part, is_blank = RecordLines(f"{file.name}:{number}"), True
            part.add(piece)
            is_blank &= isinstance(piece, str) and not piece.strip()
    if not is_blank:
        yield part


def _reject_undecodable(pieces: list[str], file: File) -> list[str | Rejection]:
    reason = describe_undecodable(file)
    return [
        Rejection(position=file.name, reason=reason, excerpt=excerpt(piece))
        if has_undecodable_bytes(piece)
        else piece
        for piece in pieces
    ]
