"""Rows of any dataset that the `datasets` library streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from calibset.core.errors import SourceError
from calibset.storage.files import Reader
from calibset.storage.hub import HubReader
from calibset.storage.local import LocalReader


def stream_dataset(
    reader: Reader, config: str | None, split: str, files: tuple[str, ...], first: int
) -> Iterator[Any]:
    """Yield the rows of a dataset's split from the index `first` on, as `datasets` streams them."""
    import datasets

    if isinstance(reader, HubReader):
        path, revision = reader.repo_id, reader.revision
    elif isinstance(reader, LocalReader):
        path, revision = str(reader.path), None
    else:
        raise SourceError(
            f'{reader.location}: type = "hub-dataset" reads hub repositories and local folders only'
        )
    try:
        yield from datasets.load_dataset(
            path, config, split=split, revision=revision, data_files=list(files) or None, streaming=True
        ).skip(first)
    except Exception as error:  # its readers raise whatever they trip over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"{reader.location}: `datasets` can't load it: {reason}") from error
