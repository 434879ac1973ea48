"""Documents that were seen before, with the same words or nearly the same.

Near duplicates are found by MinHash-LSH and then proven: what counts is the Jaccard
similarity of the two sets of shingles, which are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from rensa import RMinHash, RMinHashLSH  # type: ignore[import-untyped]

__all__ = ["SIMILARITY", "Duplicate", "Duplicates"]

SIMILARITY = 0.77
"""From here on two texts are near duplicates: 5 % of other words cost about 0.14."""

_LEAST_SIMILARITY = 0.6

# In a shorter text one other word is more than 5 %, and often all the difference (a premium, a deductible).
_MIN_WORDS = 20

# 32 bands of 4 miss one pair in a million at a similarity of 0.77, one in 80 at 0.6, so no less may be asked.
_PERMUTATIONS, _BANDS = 128, 32
# Five standard deviations of a sketch's estimate: what lies further below need not be counted out.
_SLACK = 0.2
_SEED = 1
# 1.2 GB of them, about 75 million words; a build draws a few million.
_MOST_SHINGLES = 150_000_000

_Shingles = npt.NDArray[np.uint64]
# The same bytes, and so the same sketches, on machines of either byte order.
_HASH = np.dtype("<u8")
_PAIR, _AGAIN = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The document that another one repeats.

    Attributes:
        source: The name of the source of the one that came first and is kept.
        document: Its id.
        similarity: Jaccard similarity of the shingles, from 0 to 1; 1 for the same words.
    """

    source: str
    document: str
    similarity: float


class Duplicates:
    """An index that documents are put into, one after the other.

    A shingle is a word, or two neighbours in either order, and how often it came before in its
    text. Single words make scattered changes cost no more than one passage that differs, pairs
    tell texts of the same words apart, and pairs in either order forgive an exchange of neighbours.
    Texts of fewer than 20 words are duplicates only if all their words are the same, and texts
    without words never. After some 75 million words no more texts are kept for near duplicates to
    be found of.

    Args:
        near: Whether near duplicates are found, too.
        similarity: From which Jaccard similarity on they are, from 0.6 to 1.

    Raises:
        ValueError: The similarity is out of these bounds.

    Examples:
        >>> index = Duplicates(near=False)
        >>> index.seen("wiki", "Bratislava", ["the", "capital", "of", "slovakia"])
        >>> index.seen("web", "page-7", ["the", "capital", "of", "slovakia"])
        Duplicate(source='wiki', document='Bratislava', similarity=1.0)
    """

    def __init__(self, *, near: bool, similarity: float = SIMILARITY) -> None:
        if not _LEAST_SIMILARITY <= similarity <= 1:
            raise ValueError(f"similarity must be from {_LEAST_SIMILARITY} to 1, got {similarity}")
        self._same: dict[bytes, tuple[str, str]] = {}
        self._near = _Near(similarity) if near else None

    def seen(
        self, source: str, document: str, words: Sequence[str], *, near: bool = True
    ) -> Duplicate | None:
        """Return the document of which this is a duplicate; else put it in and return None.

        Of several near duplicates the most similar is returned, of equally similar ones the first.

        Args:
            source: The name of the document's source.
            document: Its id.
            words: Its normalised words.
            near: Whether to return near duplicates of this one, if the index finds them.
        """
        if not words:
            return None
        digest = _digest(" ".join(words), 16)
        if same := self._same.get(digest):
            return Duplicate(source=same[0], document=same[1], similarity=1.0)
        if self._near and len(words) >= _MIN_WORDS:
            found = self._near.seen(source, document, words)
            if found and near:
                return found
        self._same[digest] = (source, document)
        return None


class _Near:
    """The documents that were put in, by their shingles."""

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._bands = RMinHashLSH(similarity, _PERMUTATIONS, _BANDS)
        self._sketches: list[RMinHash] = []
        self._shingles: list[_Shingles] = []
        self._names: list[tuple[str, str]] = []
        self._kept = 0

    def seen(self, source: str, document: str, words: Sequence[str]) -> Duplicate | None:
        shingles = _shingles(words)
        sketch = RMinHash(_PERMUTATIONS, _SEED)
        sketch.update(shingles.view("V8").tolist())
        if closest := self._closest(shingles, sketch):
            similarity, position = closest
            source, document = self._names[position]
            return Duplicate(source=source, document=document, similarity=similarity)
        if self._kept > _MOST_SHINGLES:
            return None
        self._kept += shingles.size
        self._bands.insert(len(self._names), sketch)
        self._sketches.append(sketch)
        self._shingles.append(shingles)
        self._names.append((source, document))
        return None

    def _closest(self, shingles: _Shingles, sketch: RMinHash) -> tuple[float, int] | None:
        closest = None
        for position in sorted(self._bands.query(sketch)):
            if sketch.jaccard(self._sketches[position]) < self._similarity - _SLACK:
                continue
            similarity = _jaccard(shingles, self._shingles[position])
            if similarity >= self._similarity and (closest is None or similarity > closest[0]):
                closest = similarity, position
        return closest


def _shingles(words: Sequence[str]) -> _Shingles:
    """Return the hashes of all words and pairs of neighbours, numbered where they recur, in order."""
    single = np.fromiter(map(_word_hash, words), _HASH, len(words))
    left, right = single[:-1], single[1:]
    pairs = np.minimum(left, right) * _PAIR + np.maximum(left, right)
    hashes = np.sort(np.concatenate((single, pairs)))
    places = np.arange(hashes.size, dtype=_HASH)
    recurs = np.concatenate(([False], hashes[1:] == hashes[:-1]))
    before = places - np.maximum.accumulate(np.where(recurs, 0, places))
    return np.sort(hashes + before * _AGAIN)


# Bounded, and enough for nearly all words of a build.
@lru_cache(maxsize=2**17)
def _word_hash(word: str) -> int:
    return int.from_bytes(_digest(word, 8), "little")


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _jaccard(some: _Shingles, other: _Shingles) -> float:
    shared = np.intersect1d(some, other, assume_unique=True).size
    return shared / (some.size + other.size - shared)
