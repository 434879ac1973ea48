"""Definitions of insurance contracts, in each of the three forms in which the corpus is published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.core.text import excerpt
from calibset.sources.formats.json_rows import read_json_text
from calibset.sources.formats.workbook import read_rows
from calibset.storage.files import File
from calibset.storage.text_lines import (
    RecordLines,
    describe_undecodable,
    has_undecodable_bytes,
    read_lines,
)

_REMEDY = "fetch it again, or name another form with files = [...]"


class Definition(NamedTuple):
    """A definition as it is in the corpus; in a JSON file, any field may be other than text."""

    term: Any
    text: Any
    line_of_business: Any = None
    country: Any = None


def read_definitions(file: File) -> Iterator[Definition | Rejection]:
    """Yield the definitions of a file, whose form its name tells."""
    if file.stem.endswith(".json"):
        return _read_json(file)
    return _read_workbook(file) if file.stem.endswith(".xlsx") else _read_text(file)


def _read_json(file: File) -> Iterator[Definition | Rejection]:
    text = read_json_text(file)
    is_sound = not has_undecodable_bytes(text)
    try:
        corpus = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file.name}: not valid JSON ({error}); {_REMEDY}") from error
    words = corpus.get("WORDS") if isinstance(corpus, dict) else None
    if not isinstance(words, dict):
        raise SourceError(f"{file.name}: no object under the key 'WORDS'; {_REMEDY}")
    for term, value in words.items():
        entry = value if isinstance(value, dict) else {"defs": [value]}
        full, short = entry.get("fullDefs"), entry.get("defs")
        for item in full if isinstance(full, list) and full else short if isinstance(short, list) else [None]:
            if isinstance(item, dict):
                definition = Definition(term, item.get("def"), item.get("lob"), item.get("country"))
            else:
                definition = Definition(term, item)
            if is_sound or not any(map(_has_undecodable_bytes, definition)):
                yield definition
            else:
                reason = describe_undecodable(file)
                yield Rejection(
                    position=f"{file.name}: {excerpt(term)}", reason=reason, excerpt=excerpt(item)
                )


def _has_undecodable_bytes(value: Any) -> bool:
    return isinstance(value, str) and has_undecodable_bytes(value)


def _read_text(file: File) -> Iterator[Definition | Rejection]:
    block = RecordLines(f"{file.name}:1")
    for number, line in enumerate(read_lines(file), start=1):
        if line == "---":
            yield _split_block(block.text())
            block = RecordLines(f"{file.name}:{number + 1}")
        else:
            block.add(line)
    rest = block.text()
    if isinstance(rest, Rejection) or rest.strip():
        yield _split_block(rest)


def _split_block(block: str | Rejection) -> Definition | Rejection:
    if isinstance(block, Rejection):
        return block
    term, _, text = block.partition("\n")
    return Definition(term, text)


def _read_workbook(file: File) -> Iterator[Definition | Rejection]:
    header, rows = read_rows(file, "data", _REMEDY)
    columns = ("term", "definition", "lob", "country")
    if missing := [name for name in columns[:2] if name not in header]:
        raise SourceError(f"{file.name}: sheet 'data' has no column {missing[0]!r}; {_REMEDY}")
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        cells = dict(zip(header, row, strict=False))
        yield Definition(*map(cells.get, columns))
