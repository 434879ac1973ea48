"""Documents that repeat an earlier one, with the same words or nearly the same.

Near duplicates are found by MinHash-LSH and then checked: what counts is the exact Jaccard similarity
of the two sets of shingles.
"""

from __future__ import annotations

from collections.abc import Container, MutableMapping, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from calibset.core.fields import Share
from calibset.hygiene.minhash import BYTES_A_SKETCH, Sketch, Sketches, make_sketch

SIMILARITY = 0.77
"""The similarity from which two texts are near duplicates: changing 5 % of the words costs about 0.14."""

MOST_BYTES = 1_500_000_000
"""What an index takes in memory at most: some 120 million words, or a million short texts."""

# 32 bands of 4 find one pair in 80 less at 0.6, so no less may be asked.
_LEAST_SIMILARITY = 0.6

# In a shorter text one other word is more than 5 %, and often all the difference (a premium, a deductible).
_MIN_WORDS = 20

MOST_WORDS = 500_000
"""So many words of a longer text are compared for near duplicates: a book of a thousand pages has fewer."""

SLACK = 0.2
"""How far below the similarity a sketch's estimate of it may lie: five standard deviations."""
# So many are counted out for a text, those whose sketches are most similar.
_MOST_COUNTED = 64

# Measured: a digest, a name, and their share of a dictionary that was just enlarged.
_BYTES_A_TEXT = 280
# Measured: an array, its share of two lists, and what sorting the bands needs for a while.
_BYTES_A_NEAR_TEXT = BYTES_A_SKETCH + 288
# The rest is for texts to be found that are exactly the same.
_NEAR_PART = 3 / 4

_Shingles = npt.NDArray[np.uint32]
# The same bytes, and so the same sketches, on machines of either byte order.
_HASH = np.dtype("<u8")
# Nearly all words of a build are so many at most; a longer one is seldom met again, and takes memory.
_MOST_HASHES, _LONGEST_HASHED = 2**17, 64
_PAIR, _AGAIN = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)

# A source, and a document's id in UTF-8, which takes less than a string of many alphabets.
_Name = tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A document that was left out because it repeats an earlier one.

    Attributes:
        document: The id of the document that was left out.
        source: The source of the document that it repeats and that is kept.
        kept: The id of the document that is kept.
        similarity: Jaccard similarity of the shingles, from 0 to 1.
        exact: Whether the words are the same, in the same order.
    """

    document: str
    source: str
    kept: str
    similarity: Share
    exact: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """The parts of a text by which its near duplicates are found."""

    shingles: _Shingles
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a text's duplicates are found by.

    Attributes:
        digest: Of its words in their order.
        near: What its near duplicates are found by; None if they are not looked for, or it is too short.
    """

    digest: bytes
    near: _Text | None = None


class DuplicateIndex:
    """An index of the documents met so far that finds duplicates.

    A shingle is a word, or two neighbouring words in either order, with the number of times that it
    occurred earlier in its text. Single words make scattered changes cost no more than one passage
    that differs, pairs tell texts of the same words apart, and pairs in either order forgive swapped
    neighbours. Texts of fewer than 20 words are duplicates only if all their words are the same, and
    texts without words never are; of a text of more than 500,000 words the first are compared.
    Near duplicates are searched for among the 64 texts that are probably most similar, so that texts
    made from one template cost no more than others.

    Args:
        near: Whether near duplicates are found, too.
        similarity: The Jaccard similarity from which texts are near duplicates, from 0.6 to 1.
        most_bytes: How much memory the index may take; three quarters of it are for near duplicates.

    Raises:
        ValueError: The similarity is out of bounds.

    Examples:
        >>> index = DuplicateIndex(near=False)
        >>> fingerprint = make_fingerprint(["the", "capital", "of", "slovakia"], sketches=index.near)
        >>> index.find_or_add("wiki", "Bratislava", fingerprint)
        >>> index.find_or_add("web", "page-7", fingerprint)
        Duplicate(document='page-7', source='wiki', kept='Bratislava', similarity=1.0, exact=True)
    """

    def __init__(self, *, near: bool, similarity: float = SIMILARITY, most_bytes: int = MOST_BYTES) -> None:
        if not _LEAST_SIMILARITY <= similarity <= 1:
            raise ValueError(f"similarity must be from {_LEAST_SIMILARITY} to 1, got {similarity}")
        near_bytes = int(most_bytes * _NEAR_PART) if near else 0
        self._same: dict[bytes, _Name] = {}
        self._near = _NearIndex(similarity, near_bytes) if near else None
        self._bytes_left = most_bytes - near_bytes
        self.not_indexed = 0
        """How many documents did not fit in, so that documents that repeat them may be missed."""

    @property
    def near(self) -> bool:
        """Whether near duplicates are found, too."""
        return self._near is not None

    @property
    def digests(self) -> Set[bytes]:
        """The digests of the documents in the index."""
        return self._same.keys()

    def find_or_add(
        self, source: str, document: str, fingerprint: Fingerprint | None, *, near: bool = True
    ) -> Duplicate | None:
        """Return what a document duplicates, or add the document and return None.

        An earlier document with the same words comes first, then the most similar near duplicate; the
        first of equally similar ones.

        Args:
            source: The name of the document's source.
            document: The document's id.
            fingerprint: What its words were made into; None if it has no words.
            near: Whether this document may be a near duplicate, if the index finds them. Later near
                duplicates of it are found in any case.
        """
        if fingerprint is None:
            return None
        if same := self._same.get(fingerprint.digest):
            return _make_duplicate(document, same, 1.0, exact=True)
        text = fingerprint.near
        if near and self._near and text and (closest := self._near.find_closest(text)):
            name, similarity = closest
            return _make_duplicate(document, name, similarity, exact=False)
        self._add(fingerprint.digest, (source, document.encode("utf-8", "surrogatepass")), text)
        return None

    def add(self, source: str, document: str, fingerprint: Fingerprint | None) -> None:
        """Add a document whatever it repeats; of documents with the same words the first stays."""
        self.find_or_add(source, document, fingerprint, near=False)

    def _add(self, digest: bytes, name: _Name, text: _Text | None) -> None:
        # Below zero it stays, so that what is found does not depend on which text is small enough.
        self._bytes_left -= _BYTES_A_TEXT + len(name[1])
        if self._bytes_left < 0:
            self.not_indexed += 1
            return
        self._same[digest] = name
        if self._near and text and not self._near.add(name, text):
            self.not_indexed += 1


class _NearIndex:
    """The documents added, by their shingles."""

    def __init__(self, similarity: float, most_bytes: int) -> None:
        self._similarity = similarity
        self._bytes_left = most_bytes
        self._sketches = Sketches()
        self._shingles: list[_Shingles] = []
        self._names: list[_Name] = []

    def add(self, name: _Name, text: _Text) -> bool:
        """Add a document; return whether there was room for it."""
        self._bytes_left -= _BYTES_A_NEAR_TEXT + text.shingles.nbytes
        if self._bytes_left < 0:
            return False
        self._sketches.add(text.sketch)
        self._shingles.append(text.shingles)
        self._names.append(name)
        return True

    def find_closest(self, text: _Text) -> tuple[_Name, float] | None:
        """Return the most similar document, and its similarity."""
        best, closest = 0.0, -1
        probable = self._sketches.find_similar(text.sketch, self._similarity - SLACK)
        for number in probable[:_MOST_COUNTED].tolist():
            similarity = measure_similarity(text.shingles, self._shingles[number])
            if similarity >= self._similarity and (-similarity, number) < (-best, closest):
                best, closest = similarity, number
        return (self._names[closest], best) if best else None


def make_fingerprint(
    words: Sequence[str],
    *,
    sketches: bool,
    known: Container[bytes] = (),
    made: MutableMapping[bytes, Fingerprint] | None = None,
) -> Fingerprint | None:
    """Return what the duplicates of a text are found by; None if it has no words.

    Args:
        words: The text's normalised words.
        sketches: Whether its near duplicates are to be found, too.
        known: Digests of texts that were met before: one with the same words needs no sketch.
        made: Fingerprints of texts that are examined together, by their digests; this text's is added. One
            with the same words has the same fingerprint, and repeats come in great numbers.
    """
    if not words:
        return None
    digest = _digest(" ".join(words), 16)
    if not sketches or len(words) < _MIN_WORDS or digest in known:
        return Fingerprint(digest)
    if made is not None and digest in made:
        return made[digest]
    shingles = _hash_shingles(words[:MOST_WORDS])
    fingerprint = Fingerprint(digest, _Text(_shorten(shingles), make_sketch(shingles)))
    if made is not None:
        made[digest] = fingerprint
    return fingerprint


def _make_duplicate(document: str, name: _Name, similarity: float, *, exact: bool) -> Duplicate:
    source, kept = name[0], name[1].decode("utf-8", "surrogatepass")
    return Duplicate(document=document, source=source, kept=kept, similarity=similarity, exact=exact)


def _hash_shingles(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return the hashes of all words and pairs of neighbours, numbered where they recur, in order."""
    single = np.frombuffer(b"".join(map(_WORD_HASHES.__getitem__, words)), _HASH)
    left, right = single[:-1], single[1:]
    pairs = np.minimum(left, right) * _PAIR + np.maximum(left, right)
    hashes: npt.NDArray[np.uint64] = np.concatenate((single, pairs))
    hashes.sort()
    indexes = np.arange(hashes.size, dtype=_HASH)
    firsts = indexes.copy()
    firsts[1:][hashes[1:] == hashes[:-1]] = 0
    hashes += (indexes - np.maximum.accumulate(firsts)) * _AGAIN
    hashes.sort()
    return hashes


class _WordHashes(dict[str, bytes]):
    """The hashes of words, kept for the next text."""

    def __missing__(self, word: str) -> bytes:
        digest = _digest(word, _HASH.itemsize)
        if len(word) <= _LONGEST_HASHED:
            if len(self) >= _MOST_HASHES:
                self.clear()
            self[word] = digest
        return digest


_WORD_HASHES = _WordHashes()


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _shorten(shingles: npt.NDArray[np.uint64]) -> _Shingles:
    """Return the first half of each hash; by chance two of a thousand agree in one pair of texts in 4,000."""
    return (shingles >> np.uint64(32)).astype("<u4")


def measure_similarity(some: _Shingles, other: _Shingles) -> float:
    """Return the Jaccard similarity of two texts by their shingles."""
    if some.size > other.size:
        some, other = other, some
    indexes = other.searchsorted(some)
    shared = int(np.count_nonzero(other.take(indexes, mode="clip") == some))
    return shared / (some.size + other.size - shared)
