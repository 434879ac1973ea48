"""The file that lists the records left out of a build."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from calibset.core.atomic_write import write_atomically
from calibset.core.documents import Filtered, Rejection


def write_rejects(path: str | Path, *records: Mapping[str, Iterable[Rejection | Filtered]]) -> Path:
    """Write rejected and filtered records as JSON Lines, each with its source, position and reason.

    Args:
        path: The file to write.
        records: Mappings of records by source, written one after the other.

    Raises:
        OutputError: The file can't be written.
    """
    path = Path(path)
    with write_atomically(path) as stream:
        for by_source in records:
            for source, left_out in by_source.items():
                for record in left_out:
                    line = {"source": source, **asdict(record)}
                    stream.write((json.dumps(line) + "\n").encode("ascii"))
    return path
