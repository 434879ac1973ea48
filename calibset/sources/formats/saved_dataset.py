"""Datasets as `Dataset.save_to_disk` leaves them: Arrow files, and JSON that names them in their order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from calibset.core.documents import Rejection
from calibset.core.errors import NotThereError, SourceError
from calibset.sources.sampling.arrow_rows import read_arrow_rows
from calibset.storage.files import Reader

_STATE = "state.json"
_SPLITS = "dataset_dict.json"
# Bytes of metadata that are read.
_LONGEST = 16 * 2**20


def is_saved_dataset(reader: Reader) -> bool:
    """Return whether a location is a folder that `save_to_disk` wrote, of one split or of several."""
    try:
        return {file.name for file in reader.files(_STATE, _SPLITS)} <= {_STATE, _SPLITS}
    except NotThereError:
        return False


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
        (file,) = reader.files(folder + name)
        for _, row in read_arrow_rows(file, columns):
            yield row if isinstance(row, Rejection) else dict(row)


def _read_names(reader: Reader, name: str, key: str) -> list[str]:
    """Return the names that a file of metadata lists; none if there is no such file."""
    try:
        (file,) = reader.files(name)
    except NotThereError:
        if name == _SPLITS:
            return []
        raise
    with file.open_bytes() as stream:
        content = stream.read(_LONGEST)
    try:
        listed = json.loads(content)[key]
        return [str(item["filename"]) if isinstance(item, dict) else str(item) for item in listed]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{reader.location}: {name} is damaged; save the dataset again") from error
