"""The messages of an Arrow file or stream, each looked at before pyarrow unpacks it.

Arrow's buffers are compressed one by one, and each begins with the length that it unpacks to, for which
memory is taken at once. The layout is that of `Message.fbs` and `File.fbs` in Arrow's repository.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from calibset.core.errors import SourceError
from calibset.storage.reading_budget import ReadingBudget

if TYPE_CHECKING:
    from typing_extensions import Buffer

_CONTINUES = b"\xff\xff\xff\xff"
# The footer's length and the file's mark, behind the footer.
_TRAILER = 10
_MOST_METADATA = 2**26
# A message's header that is a batch of records, and one that is a dictionary, which holds such a batch.
_RECORD_BATCH, _DICTIONARY = 3, 2
_DAMAGED = "a message is damaged or cut off"
# What a buffer may unpack to; it holds a column of a batch, of which most programs write thousands of rows.
_LARGEST_BUFFER = 2**28


class CheckedMessages(io.RawIOBase):
    """The stream of an Arrow file's messages, none of which unpacks to more than its bytes may stand for.

    What is read raises ValueError where a message is damaged, and SourceError where one unpacks to too much.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        self._budget = ReadingBudget(name, stream.tell)
        self._message = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Write the next bytes into a buffer and return their number, 0 at the end."""
        target = memoryview(buffer).cast("B")
        if not self._message:
            self._message = memoryview(self._read_message())
        part = self._message[: len(target)]
        target[: len(part)] = part
        self._message = self._message[len(part) :]
        return len(part)

    def _read_message(self) -> bytes:
        """Return the bytes of the next message, or of the mark of the end."""
        prefix = self._stream.read(4)
        if prefix == _CONTINUES:
            prefix += self._stream.read(4)
        if len(prefix) < 4 or not any(prefix[-4:]):
            return prefix
        metadata = self._read(int.from_bytes(prefix[-4:], "little"), most=_MOST_METADATA)
        try:
            body = self._read(_Table.root(metadata).number(3, "q"))
            for offset in _list_buffers(metadata):
                _count(self._budget, body[offset : offset + 8])
        except struct.error as error:
            raise ValueError(_DAMAGED) from error
        return b"".join((prefix, metadata, body))

    def _read(self, size: int, most: int = 2**62) -> bytes:
        left = self._size - self._stream.tell()
        content = self._stream.read(size) if 0 <= size <= min(left, most) else b""
        if len(content) != size:
            raise ValueError(_DAMAGED)
        return content


class CheckedFile:
    """The batches of an Arrow file, which its footer lists, looked at before they are unpacked.

    Raises:
        ValueError: The file is damaged.
        SourceError: A batch would unpack to more than its bytes may stand for.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._read_bytes = 0
        size = stream.seek(0, io.SEEK_END)
        # A footer may list a batch many times.
        self._budget = ReadingBudget(name, lambda: min(self._read_bytes, size))
        stream.seek(max(0, size - _TRAILER))
        length = int.from_bytes(stream.read(4), "little")
        if not 0 < length <= min(size, _MOST_METADATA):
            raise ValueError(_DAMAGED)
        stream.seek(max(0, size - _TRAILER - length))
        try:
            footer = _Table.root(stream.read(length))
            self._dictionaries = list(footer.structs(2, "<qixxxxq"))
            self._batches = list(footer.structs(3, "<qixxxxq"))
        except struct.error as error:
            raise ValueError(_DAMAGED) from error

    def check_dictionaries(self) -> None:
        """Look at the dictionaries, which are unpacked together with the first batch."""
        for block in self._dictionaries:
            self._check(*block)

    def check_batch(self, index: int) -> None:
        """Look at a batch of records."""
        self._check(*self._batches[index])

    def _check(self, offset: int, metadata_size: int, body_size: int) -> None:
        if offset < 0 or not 8 <= metadata_size <= _MOST_METADATA or body_size < 0:
            raise ValueError(_DAMAGED)
        self._stream.seek(offset)
        message = self._stream.read(metadata_size)
        self._read_bytes += metadata_size + body_size
        try:
            for buffer in _list_buffers(message[8 if message.startswith(_CONTINUES) else 4 :]):
                self._stream.seek(offset + metadata_size + buffer)
                _count(self._budget, self._stream.read(8))
        except struct.error as error:
            raise ValueError(_DAMAGED) from error


def _list_buffers(metadata: bytes) -> Iterator[int]:
    """Yield where in its body the compressed buffers of a message are."""
    message = _Table.root(metadata)
    kind, batch = message.number(1, "B"), message.table(2)
    if kind == _DICTIONARY and batch:
        batch = batch.table(1)
    if kind not in (_RECORD_BATCH, _DICTIONARY) or batch is None:
        return
    # Before Arrow 1.0 the compression stood among the message's own metadata.
    if batch.has(3) or message.has(4):
        yield from (offset for offset, length in batch.structs(2, "<qq") if offset >= 0 and length >= 8)


def _count(budget: ReadingBudget, beginning: bytes) -> None:
    """Count what a compressed buffer unpacks to, as it says at its beginning; -1 is not compressed."""
    size = max(0, int.from_bytes(beginning, "little", signed=True))
    if size > _LARGEST_BUFFER:
        raise SourceError(
            f"{budget.name}: a column of a batch unpacks to {size:,} bytes, more than {_LARGEST_BUFFER:,}; "
            "write it anew with fewer rows in a batch, or leave it out with files = [...]"
        )
    budget.add(size)


class _Table:
    """A table of a flatbuffer, whose fields are found by their numbers."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start
        self._layout = start - _unpack("i", data, start)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, _unpack("I", data, 0))

    def number(self, field: int, form: str) -> int:
        """Return a number, 0 if the table lacks it."""
        place = self._find(field)
        return _unpack(form, self._data, place) if place else 0

    def table(self, field: int) -> _Table | None:
        place = self._find(field)
        return _Table(self._data, place + _unpack("I", self._data, place)) if place else None

    def has(self, field: int) -> bool:
        return self._find(field) > 0

    def structs(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """Yield the structs of a list."""
        if place := self._find(field):
            place += _unpack("I", self._data, place)
            count, size = _unpack("I", self._data, place), struct.calcsize(form)
            for index in range(count):
                yield struct.unpack_from(form, self._data, place + 4 + size * index)

    def _find(self, field: int) -> int:
        """Return where a field's value is; 0 if the table lacks it."""
        entry = 4 + 2 * field
        if entry + 2 > _unpack("H", self._data, self._layout):
            return 0
        place = _unpack("H", self._data, self._layout + entry)
        return self._start + place if place else 0


def _unpack(form: str, data: bytes, place: int) -> int:
    if place < 0:
        raise struct.error(_DAMAGED)
    return int(struct.unpack_from(f"<{form}", data, place)[0])
