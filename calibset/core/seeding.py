"""Order by seed: the only randomness in calibset.

Keys are BLAKE2b digests of the seed and a place, so an order depends on nothing else: not
on the Python version, the platform, the hash seed or what was drawn before.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def seeded_key(seed: int, *place: str | int) -> bytes:
    """Return 16 bytes that are fixed by the seed and the place, and look random.

    Examples:
        >>> seeded_key(42, "pile", 7).hex()
        '7ddbe9c8c58fafef8416bbdd86c4192e'
    """
    words = "\x1f".join(map(str, (seed, *place)))
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shuffled(items: Iterable[T], seed: int, *place: str | int) -> list[T]:
    """Return the items in an order that the seed and the place fix.

    Examples:
        >>> shuffled("abcdef", 42, "demo")
        ['c', 'a', 'e', 'b', 'd', 'f']
    """
    keyed = sorted(
        (seeded_key(seed, *place, position), position, item) for position, item in enumerate(items)
    )
    return [item for _, _, item in keyed]
