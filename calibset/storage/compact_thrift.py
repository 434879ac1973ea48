"""Thrift's compact protocol, in which parquet writes its footer and the headers of its pages.

A struct is a dict of its fields by number, each with its type, so that what is read can be written again.
"""

from __future__ import annotations

import struct
from typing import Any

TRUE, FALSE, I32, I64, BINARY, LIST, STRUCT = 1, 2, 5, 6, 8, 9, 12
_BYTE, _I16, _DOUBLE, _SET = 3, 4, 7, 10
_NUMBERS = frozenset((_I16, I32, I64))

Field = tuple[int, Any]
"""A type, and a value of it; of a list, the type of its items and the items."""
Struct = dict[int, Field]

# Nested deeper than anything of parquet's.
_DEEPEST = 16


class TruncatedError(ValueError):
    """The bytes end before the struct does."""


class CompactReader:
    """Reads structs from bytes.

    Raises:
        TruncatedError: The bytes end too soon.
        ValueError: They are no structs.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def read_struct(self, depth: int = 0) -> Struct:
        """Return the struct that begins at the offset, which moves behind it."""
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        fields: Struct = {}
        number = 0
        while head := self._byte():
            kind = head & 0x0F
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = kind, self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:  # noqa: PLR0911  (one for each type)
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind in _NUMBERS:
            return self._signed()
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind == BINARY:
            return self._take(self._unsigned())
        if kind in (LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            if count > len(self._data):
                raise TruncatedError
            item = head & 0x0F
            if item in (TRUE, FALSE):
                return item, [self._byte() == TRUE for _ in range(count)]
            return item, [self._value(item, depth + 1) for _ in range(count)]
        if kind == STRUCT:
            return self.read_struct(depth + 1)
        raise ValueError(f"no type {kind}")

    def _byte(self) -> int:
        if self.offset >= len(self._data):
            raise TruncatedError
        self.offset += 1
        return self._data[self.offset - 1]

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self.offset:
            raise TruncatedError
        self.offset += size
        return self._data[self.offset - size : self.offset]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def write_struct(fields: Struct) -> bytes:
    """Return the bytes of a struct.

    Examples:
        >>> written = write_struct({1: (I32, -7), 20: (BINARY, b"text"), 21: (LIST, (I64, [1, 300]))})
        >>> CompactReader(written).read_struct()
        {1: (5, -7), 20: (8, b'text'), 21: (9, (6, [1, 300]))}
    """
    parts = []
    last = 0
    for number, (kind, value) in sorted(fields.items()):
        if kind in (TRUE, FALSE):
            kind = TRUE if value else FALSE  # noqa: PLW2901  (the type is the value)
        step = number - last
        parts.append(bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _write_signed(number))
        last = number
        if kind not in (TRUE, FALSE):
            parts.append(_write_value(kind, value))
    return b"".join((*parts, b"\0"))


def _write_value(kind: int, value: Any) -> bytes:  # noqa: PLR0911  (one for each type)
    if kind in _NUMBERS:
        return _write_signed(value)
    if kind == _BYTE:
        return bytes([value])
    if kind == _DOUBLE:
        return struct.pack("<d", value)
    if kind == BINARY:
        return _write_unsigned(len(value)) + bytes(value)
    if kind == STRUCT:
        return write_struct(value)
    item, items = value
    head = bytes([len(items) << 4 | item]) if len(items) < 15 else bytes([0xF0 | item])
    length = b"" if len(items) < 15 else _write_unsigned(len(items))
    if item in (TRUE, FALSE):
        return head + length + bytes(TRUE if one else FALSE for one in items)
    return head + length + b"".join(_write_value(item, one) for one in items)


def _write_signed(value: int) -> bytes:
    return _write_unsigned((value << 1) ^ (value >> 63))


def _write_unsigned(value: int) -> bytes:
    content = bytearray()
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)
