"""Files that are one JSON value, such as an array of rows."""

from __future__ import annotations

import json

from calibset.core.errors import SourceError
from calibset.storage.files import File, read_whole

MOST_VALUES = 2**24
"""Values that a file may hold: one of two characters takes up to ninety bytes of memory."""


def json_text(file: File, *, keep_undecodable: bool = False) -> str:
    """Return the text of a file that is one JSON value.

    Args:
        file: What to read.
        keep_undecodable: As for `read_lines`.

    Raises:
        SourceError: The file is damaged or too large.
    """
    text = read_whole(file).decode("utf-8", "surrogateescape" if keep_undecodable else "replace")
    if len(text) > MOST_VALUES and sum(map(text.count, "[{,")) > MOST_VALUES:
        raise SourceError(
            f"{file.name}: holds more than {MOST_VALUES:,} JSON values, too many for a file that is read "
            "as a whole; split it, or leave it out with files = [...]"
        )
    return text.removeprefix("\ufeff")


def read_json_array(file: File) -> list[object]:
    """Return the rows of a file that holds one JSON array.

    Raises:
        SourceError: The file holds no JSON array, or one that is too large.
    """
    text = json_text(file)
    try:
        rows = json.loads(text)
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
