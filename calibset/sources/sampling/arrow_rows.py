"""Rows of Arrow files, as `Dataset.save_to_disk`, Feather and polars write them, a few at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import repeat
from typing import Any, BinaryIO

from calibset.core.documents import Rejection
from calibset.core.errors import SourceError
from calibset.sources.sampling.arrow_messages import CheckedFile, CheckedMessages
from calibset.sources.sampling.row_groups import Row, read_rows
from calibset.storage.file_forms import HEAD, describe_other_form, is_arrow
from calibset.storage.files import File

_FILE = b"ARROW1"


def read_arrow_rows(file: File, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a file or stream of Arrow's, with the needed columns that it has.

    Raises:
        SourceError: The file is damaged or of another form.
    """
    import pyarrow

    number = 0
    try:
        with file.open_random_access() as stream:
            for batch in _read_batches(file, stream):
                needed = batch.select([name for name in columns if name in batch.schema.names])
                # Without columns a batch has no rows to read.
                for row in read_rows(needed) if needed.num_columns else repeat({}, batch.num_rows):
                    if isinstance(row, str):
                        yield number, Rejection(position=f"{file.name}#{number}", reason=row)
                    else:
                        yield number, row
                    number += 1
    except (pyarrow.ArrowException, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"{file.name}: can't be read as Arrow ({reason}); fetch the file again") from error


def _read_batches(file: File, stream: BinaryIO) -> Iterator[Any]:
    import pyarrow
    import pyarrow.ipc

    head = stream.read(HEAD)
    stream.seek(0)
    if not is_arrow(head) and (other := describe_other_form(head)):
        raise SourceError(f"{file.name}: {other}, or leave it out with files = [...]")
    if not head.startswith(_FILE):
        messages = io.BufferedReader(CheckedMessages(stream, file.name))
        yield from pyarrow.ipc.open_stream(pyarrow.PythonFile(messages, mode="r"))
        return
    checked = CheckedFile(stream, file.name)
    checked.check_dictionaries()
    stream.seek(0)
    reader = pyarrow.ipc.open_file(stream)
    for index in range(reader.num_record_batches):
        checked.check_batch(index)
        yield reader.get_batch(index)
