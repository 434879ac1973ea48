"""Arrays kept in the cache folder: what took long to compute, and can be computed again.

A file holds a digest of all that follows, a head of JSON that names each array, its type and its shape, and
the arrays' bytes; what follows the digest may be compressed. Nothing in it can run code. A file that is
damaged, or of another form, counts as none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibset.core.errors import SourceError
from calibset.storage.cache import Cache

Array = NDArray[Any]

_DIGEST = 32
# Each array begins at a multiple of this, so that it is read where it lies.
_STEP = 8
# Numbers, with a sign or without: their bytes are all there is to them.
_KINDS = "ui"
# What is compressed begins so (RFC 8878), and what is not, with a small number.
_COMPRESSED = b"\x28\xb5\x2f\xfd"


def load_arrays(cache: Cache, kind: str, *key: str) -> dict[str, Array] | None:
    """Return the arrays that are kept under a kind and a key; None if there are none, or they are damaged."""
    content = memoryview(cache.load_kept(kind, *key) or b"")
    body = content[_DIGEST:]
    if not body or _digest(body) != content[:_DIGEST]:
        return None
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        return _parse(_decompress(body) if body[:4] == _COMPRESSED else body)
    return None


def keep_arrays(
    cache: Cache, arrays: Mapping[str, Array], kind: str, *key: str, compressed: bool = False
) -> None:
    """Keep arrays under a kind and a key; where the cache can't be written, nothing is kept.

    Args:
        cache: The cache.
        arrays: Arrays of integers, by name.
        kind: What they are.
        key: What they were computed of.
        compressed: Whether they are compressed, which pays where they are many times smaller then.
    """
    forms = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    head = json.dumps(forms).encode()
    parts = [len(head).to_bytes(_STEP, "little"), head, *(array.tobytes() for array in arrays.values())]
    body = b"".join(part.ljust(_round_up(len(part)), b"\0") for part in parts)
    body = _compress(body) if compressed else body
    with suppress(SourceError):
        cache.keep(_digest(body) + body, kind, *key)


def _parse(body: memoryview) -> dict[str, Array]:
    end = _STEP + int.from_bytes(body[:_STEP], "little")
    start = _round_up(end)
    arrays = {}
    for name, (form, shape) in json.loads(bytes(body[_STEP:end])).items():
        dtype = np.dtype(form)
        if dtype.kind not in _KINDS:
            raise ValueError(f"{name} is of type {form}")
        size = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, size, start).reshape(shape)
        start = _round_up(start + size * dtype.itemsize)
    return arrays


def _compress(body: bytes) -> bytes:
    import zstandard

    return zstandard.compress(body, 1)


def _decompress(body: memoryview) -> memoryview:
    import zstandard

    try:
        return memoryview(zstandard.decompress(body))
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError("not compressed as it says") from error


def _round_up(size: int) -> int:
    return -(-size // _STEP) * _STEP


def _digest(body: bytes | memoryview) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()
