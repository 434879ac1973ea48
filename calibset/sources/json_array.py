"""Files that are one JSON array of rows."""

from __future__ import annotations

import json

from calibset.errors import SourceError
from calibset.storage.files import File, open_plain

__all__ = ["array_rows"]


def array_rows(file: File) -> list[object]:
    """Return the rows of a file that holds one JSON array.

    Raises:
        SourceError: The file holds no JSON array.
    """
    with open_plain(file) as stream:
        content = stream.read()
    try:
        rows = json.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{file.name}: not valid JSON ({error}); it may be cut short: fetch the file again"
        ) from None
    if not isinstance(rows, list):
        raise SourceError(
            f"{file.name}: holds a JSON {type(rows).__name__}, not an array of rows; "
            "name the right files with files = [...]"
        )
    return rows
