"""Datasets as `Dataset.save_to_disk` leaves them: Arrow files, and JSON that names them in their order."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.core.text import excerpt
from calibset.sources.sampling.arrow_rows import read_arrow_rows
from calibset.storage.files import File, Reader

_STATE = "state.json"
_SPLITS = "dataset_dict.json"
SAVED = frozenset((_STATE, _SPLITS))
"""The names of which a folder that `save_to_disk` wrote has at least one."""

# Bytes of metadata that are read.
_LONGEST = 16 * 2**20


def is_saved_dataset(names: Collection[str]) -> bool:
    """Return whether files of these names are what `save_to_disk` wrote, of one split or of several."""
    return not SAVED.isdisjoint(names) and any(name.endswith(".arrow") for name in names)


def read_saved_rows(
    reader: Reader, split: str, columns: tuple[str, ...]
) -> Iterator[dict[str, Any] | Rejection]:
    """Yield the rows of a split; a dataset that was saved without splits is of any.

    Raises:
        SourceError: There is no such split, or the folder is damaged.
    """
    folder = ""
    if splits := _read_names(reader, _SPLITS, "splits"):
        if split not in splits:
            raise NotThereError(
                f"{reader.location}: there is no split {split!r}; there are {', '.join(splits)}"
            )
        folder = f"{split}/"
    names = _read_names(reader, folder + _STATE, "_data_files")
    for name in names:
        file = _find_file(reader, folder + name)
        if file is None:
            raise SourceError(
                f"{reader.location}: {folder}{_STATE} names {excerpt(name)!r}, which is none of the "
                "location's files; save the dataset again"
            )
        for _, row in read_arrow_rows(file, columns):
            yield row if isinstance(row, Rejection) else dict(row)


def _read_names(reader: Reader, name: str, key: str) -> list[str]:
    """Return the names that a file of metadata lists; none if there is no such file."""
    file = _find_file(reader, name)
    if file is None:
        if name == _SPLITS:
            return []
        raise NotThereError(f"{reader.location}: there is no {name}; save the dataset again")
    with file.open_bytes() as stream:
        content = stream.read(_LONGEST)
    try:
        listed = json.loads(content)[key]
        return [str(item["filename"]) if isinstance(item, dict) else str(item) for item in listed]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{reader.location}: {name} is damaged; save the dataset again") from error


def _find_file(reader: Reader, name: str) -> File | None:
    """Return the file of a name, which is no pattern, wherever it was read; None if there is none."""
    try:
        files = reader.files(name, choose=lambda names: [known for known in names if known == name])
    except NotThereError:
        return None
    return next((file for file in files if file.name == name), None)
