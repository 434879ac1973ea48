"""The rows of a calibration file, and the documents in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from calibset import Manifest


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
        text: All of it.
        source: Where it is from.
        pieces: What stands in it of each document, by id.
    """

    text: str
    source: str
    pieces: dict[str, str]


def rows_of(file: Path, manifest: Manifest) -> list[Row]:
    """Return the rows of a file, taken apart as its manifest says."""
    found = []
    lines = file.read_text("ascii").splitlines()
    for line, report in zip(lines, manifest.samples, strict=True):
        text = json.loads(line)["text"]
        pieces: dict[str, str] = {}
        for span in report.documents:
            pieces[span.document] = pieces.get(span.document, "") + text[span.start : span.end]
        found.append(Row(text, report.source, pieces))
    return found


def documents_of(rows: list[Row]) -> dict[tuple[str, str], str]:
    """Return by source and id what stands in the rows of each document, put together in their order."""
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        for name, piece in row.pieces.items():
            key = row.source, name
            # A source with too few rows may repeat some.
            if piece not in found.get(key, ""):
                found[key] = f"{found[key]}\n{piece}" if key in found else piece
    return found
