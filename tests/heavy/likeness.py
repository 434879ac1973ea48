"""Which texts are alike and what they share, counted out without the library's own means."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations
from math import ceil
from typing import NamedTuple

Shingles = frozenset[tuple[str, ...]]

_MARKUP = re.compile(r"<[^<>\n]*>|&#?\w+;")


class Pair(NamedTuple):
    """Two texts, and the Jaccard similarity of their shingles."""

    one: str
    other: str
    similarity: float


def plain_words(text: str) -> list[str]:
    """Return the letters and digits of a text without markup, in lower case, in NFKC."""
    seen = (
        c for c in unicodedata.normalize("NFKC", _MARKUP.sub(" ", text)) if unicodedata.category(c) != "Cf"
    )
    return re.findall(r"[^\W_]+", "".join(seen).casefold())


def runs(words: list[str], length: int) -> Shingles:
    """Return all runs of so many words."""
    return frozenset(zip(*(words[start:] for start in range(length)), strict=False))


def likeness(one: Shingles, other: Shingles) -> float:
    """Return the Jaccard similarity of two sets."""
    return len(one & other) / (len(one | other) or 1)


def alike(
    texts: Mapping[str, Shingles], least: float, others: Mapping[str, Shingles] | None = None
) -> list[Pair]:
    """Return the pairs of a similarity of at least so much: among the texts, or between them and others.

    Two such sets share one of the rarest shingles of each; so only texts that do are compared.
    """
    together = {**texts, **(others or {})}
    counts = Counter(shingle for shingles in together.values() for shingle in shingles)
    holders = defaultdict(list)
    for name, shingles in together.items():
        rarest = sorted(shingles, key=lambda shingle: (counts[shingle], shingle))
        for shingle in rarest[: len(rarest) - ceil(least * len(rarest)) + 1]:
            holders[shingle].append(name)
    candidates = {pair for names in holders.values() for pair in combinations(names, 2)}
    if others is not None:
        candidates = {pair for pair in candidates if (pair[0] in others) != (pair[1] in others)}
    found = (Pair(one, other, likeness(together[one], together[other])) for one, other in sorted(candidates))
    return [pair for pair in found if pair.similarity >= least]
