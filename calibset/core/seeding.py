"""Orders that a seed fixes: the only randomness in calibset.

Keys are BLAKE2b digests of a seed and a *seed path*, the strings and numbers that name what is ordered. An
order depends on nothing else: not on the Python version, the platform, the hash seed or earlier draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import count
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
    keys = seeded_keys(seed, *seed_path)
    keyed = sorted((key, index, item) for index, (key, item) in enumerate(zip(keys, items, strict=False)))
    return [item for _, _, item in keyed]


def seeded_keys(seed: int, *seed_path: str | int) -> Iterator[bytes]:
    """Yield the key of the seed path with 0 behind it, with 1, and so on.

    Examples:
        >>> next(seeded_keys(42, "pile")) == seeded_key(42, "pile", 0)
        True
    """
    path = "".join(f"{word}\x1f" for word in (seed, *seed_path)).encode("utf-8", "surrogatepass")
    for index in count():
        yield blake2b(b"%s%d" % (path, index), digest_size=16).digest()
