"""How much memory the values of Arrow's columns take in Python."""

from __future__ import annotations

from typing import Any

# What a value in a list takes in memory beside its text, about.
_VALUE_OVERHEAD = 64


def estimate_memory(column: Any) -> int:
    """Return about how many bytes a column takes with its shared values written out."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.types

    if isinstance(column, pyarrow.DictionaryArray):
        return _estimate_decoded(column)
    if pyarrow.types.is_string(column.type):
        return int(pyarrow.compute.sum(pyarrow.compute.binary_length(column)).as_py() or 0)
    if pyarrow.types.is_struct(column.type):
        return sum(map(estimate_memory, column.flatten()))
    if isinstance(column, pyarrow.MapArray):
        first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
        inner = [part.slice(first, last - first) for part in (column.keys, column.items)]
    elif isinstance(column, pyarrow.ListArray | pyarrow.LargeListArray | pyarrow.FixedSizeListArray):
        inner = [column.flatten()]
    else:
        return int(column.nbytes)
    return sum(_VALUE_OVERHEAD * len(part) + estimate_memory(part) for part in inner)


def _estimate_decoded(column: Any) -> int:
    import pyarrow.compute
    import pyarrow.types

    values = column.dictionary
    types = pyarrow.types
    if any(is_text(values.type) for is_text in (types.is_string, types.is_binary, types.is_large_string)):
        lengths = pyarrow.compute.binary_length(values).take(column.indices)
        return int(pyarrow.compute.sum(lengths).as_py() or 0)
    return 16 * len(column)
