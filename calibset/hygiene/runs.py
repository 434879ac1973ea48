"""Runs of words: where those of a text stand in the documents that were put in."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "SHINGLE",
    "SHORTEST",
    "Grams",
    "Index",
    "Series",
    "Stretch",
    "Vocabulary",
    "covered",
    "longest",
    "stretches",
]

SHINGLE = 5
"""Words of the runs that a text's likeness is counted by."""

SHORTEST = 8
"""The fewest words of a document that is looked for as a whole."""

_Codes = NDArray[np.uint64]
_Positions = NDArray[np.int64]
_Flags = NDArray[np.bool_]


class Vocabulary:
    """A number of 64 bits for each word put in; 0 is any other word."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._numerals: list[int] = []

    def code(self, word: str) -> int:
        """Return the number of a word, a new one where it has none.

        The finaliser of SplitMix64 spreads them over 64 bits, and gives no two words the same.
        """
        code = self._codes.get(word)
        if code is None:
            code = len(self._codes) + 1
            code = (code ^ code >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            code = (code ^ code >> 27) * 0x94D049BB133111EB % 2**64
            code ^= code >> 31
            self._codes[word] = code
            if word.isnumeric():
                self._numerals.append(code)
        return code

    def codes(self, words: Sequence[str]) -> _Codes:
        """Return the numbers of the words of a text."""
        return np.fromiter(map(self._codes.get, words, repeat(0)), np.uint64, len(words))

    def lettered(self, codes: _Codes) -> _Flags:
        """Tell which are words that hold a letter."""
        return np.asarray((codes != 0) & ~np.isin(codes, np.array(self._numerals, np.uint64)), np.bool_)


@dataclass(frozen=True, slots=True)
class Series:
    """The words of documents that follow on each other.

    Attributes:
        codes: The words' numbers.
        starts: Where each document starts in them.
        documents: The documents' ids.
    """

    codes: array[int] = field(default_factory=lambda: array("Q"))
    starts: list[int] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)

    def lengths(self) -> list[int]:
        """Return how many words each document has."""
        ends = [*self.starts[1:], len(self.codes)]
        return [end - start for start, end in zip(self.starts, ends, strict=True)]


class Index:
    """Where runs stand in series of documents, one series behind the other with a 0 between.

    Args:
        series: By name.
        vocabulary: The words' numbers.
        run: Words of a run; documents of fewer are a run as a whole, from `SHORTEST` words on.

    Attributes:
        shingles: Where each run of `SHINGLE` words stands.
        is_telling: Which of these positions say something, see `shared`.
    """

    def __init__(self, series: Mapping[str, Series], vocabulary: Vocabulary, run: int) -> None:
        self._starts: list[int] = []
        self._documents: list[tuple[str, str]] = []
        parts: list[_Codes] = [np.zeros(0, np.uint64)]
        whole: dict[int, list[int]] = {}
        offset = 0
        for name, held in series.items():
            for start, length in zip(held.starts, held.lengths(), strict=True):
                self._starts.append(offset + start)
                if SHORTEST <= length < run:
                    whole.setdefault(length, []).append(offset + start)
            self._documents += [(name, document) for document in held.documents]
            parts += np.frombuffer(held.codes, np.uint64), np.zeros(1, np.uint64)
            offset += len(held.codes) + 1
        stream = np.concatenate(parts)
        lettered, previous = vocabulary.lettered(stream), _previous(stream)
        self.shingles = Grams(stream, SHINGLE)
        self.is_telling = _telling(lettered, previous, SHINGLE)
        self._grams = [Grams(stream, run, np.flatnonzero(_telling(lettered, previous, run)))]
        for size, starts in sorted(whole.items()):
            telling = _telling(lettered, previous, size)
            self._grams.append(Grams(stream, size, np.array([s for s in starts if telling[s]], np.int64)))

    def shared(self, codes: _Codes) -> tuple[_Flags, _Positions]:
        """Return which words of a text are in a run, and where the run that begins with a word stands, or -1.

        Runs count of which at least half are words that hold a letter and differ.
        """
        flags = np.zeros(codes.size, np.bool_)
        positions = np.full(codes.size, -1)
        for grams in self._grams:
            found = grams.positions(codes)
            if (found >= 0).any():
                flags |= covered(found, grams.size)
                head = positions[: found.size]
                np.copyto(head, found, where=head < 0)
        return flags, positions

    def document(self, position: int) -> tuple[str, str]:
        """Return the series and the document that a position is in."""
        return self._documents[bisect_right(self._starts, position) - 1]


class Grams:
    """The runs of one length, by a digest of 64 bits, and where each stands first.

    What is found is compared word by word. Of ten million runs two have one digest with a chance of
    3 in a million; then the second is not found.

    Args:
        stream: The words' numbers; no run goes across a 0.
        size: How many words they have.
        starts: Where those stand that count; all of them if None.
    """

    def __init__(self, stream: _Codes, size: int, starts: _Positions | None = None) -> None:
        self.size = size
        digests = _digests(stream, size)
        self._windows = sliding_window_view(np.pad(stream, (0, max(size - stream.size, 0))), size)
        whole = np.asarray(self._windows[: digests.size].all(axis=1), np.bool_)
        starts = np.flatnonzero(whole) if starts is None else starts[whole[starts]]
        self._digests, first = np.unique(digests[starts], return_index=True)
        self._starts = starts[first]
        # A table small enough for the processor's cache spares most searches.
        self._maybe = np.zeros(2**22, np.bool_)
        self._maybe[self._digests >> np.uint64(42)] = True

    def positions(self, codes: _Codes) -> _Positions:
        """Return for each run of a text where it stands first, -1 where nowhere."""
        digests = _digests(codes, self.size)
        found = np.full(digests.size, -1)
        at = np.flatnonzero(self._maybe[digests >> np.uint64(42)])
        nearest = np.minimum(np.searchsorted(self._digests, digests[at]), self._digests.size - 1)
        same = self._digests[nearest] == digests[at] if at.size else np.zeros(0, np.bool_)
        if same.any():
            at, starts = at[same], self._starts[nearest[same]]
            equal = (sliding_window_view(codes, self.size)[at] == self._windows[starts]).all(axis=1)
            found[at[equal]] = starts[equal]
        return found


class Stretch(NamedTuple):
    """Words in a row.

    Attributes:
        start: The first.
        end: One past the last.
    """

    start: int
    end: int

    @property
    def words(self) -> int:
        """How many they are."""
        return self.end - self.start


def stretches(flags: _Flags) -> Iterator[Stretch]:
    """Yield the stretches of words that are flagged."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    yield from map(Stretch, edges[::2].tolist(), edges[1::2].tolist())


def longest(flags: _Flags) -> Stretch:
    """Return the longest stretch that is flagged, the first of several; an empty one if none is."""
    return max(stretches(flags), key=lambda stretch: stretch.words, default=Stretch(0, 0))


def covered(positions: _Positions, size: int) -> _Flags:
    """Return which words of a text are in a run that was found.

    Args:
        positions: Where each run of the text was found, -1 where nowhere.
        size: How many words a run has.
    """
    changes = np.zeros(positions.size + size, np.int64)
    changes[: positions.size] += positions >= 0
    changes[size:] -= positions >= 0
    return np.asarray(np.cumsum(changes)[:-1] > 0, np.bool_)


def _digests(codes: _Codes, size: int) -> _Codes:
    count = max(codes.size - size + 1, 0)
    digests = np.zeros(count, np.uint64)
    for place in range(size if count else 0):
        digests *= np.uint64(0x9E3779B97F4A7C15)
        digests += codes[place : place + count]
    return digests


def _previous(codes: _Codes) -> _Positions:
    """Return for each word where it stands last before, -1 where nowhere."""
    previous = np.full(codes.size, -1)
    order = np.argsort(codes, kind="stable")
    again = codes[order[1:]] == codes[order[:-1]]
    previous[order[1:][again]] = order[:-1][again]
    return previous


def _telling(lettered: _Flags, previous: _Positions, size: int) -> _Flags:
    """Return of which runs at least half are words that hold a letter and differ."""
    count = max(lettered.size - size + 1, 0)
    starts, differ = np.arange(count), np.zeros(count, np.int64)
    for place in range(size if count else 0):
        differ += lettered[place : place + count] & (previous[place : place + count] < starts)
    return np.asarray(2 * differ >= size, np.bool_)
