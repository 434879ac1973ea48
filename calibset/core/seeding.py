"""Orders that a seed fixes: the only randomness in calibset.

Keys are BLAKE2b digests of a seed and a *seed path*, the strings and numbers that name what is ordered. An
order depends on nothing else: not on the Python version, the platform, the hash seed or earlier draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def seeded_key(seed: int, *seed_path: str | int) -> bytes:
    """Return 16 random-looking bytes that depend only on the seed and the seed path.

    Examples:
        >>> seeded_key(42, "pile", 7).hex()
        '7ddbe9c8c58fafef8416bbdd86c4192e'
    """
    words = "\x1f".join(map(str, (seed, *seed_path)))
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shuffled(items: Iterable[T], seed: int, *seed_path: str | int) -> list[T]:
    """Return the items in an order that depends only on the seed and the seed path.

    Examples:
        >>> shuffled("abcdef", 42, "demo")
        ['c', 'a', 'e', 'b', 'd', 'f']
    """
    keyed = sorted((seeded_key(seed, *seed_path, index), index, item) for index, item in enumerate(items))
    return [item for _, _, item in keyed]
