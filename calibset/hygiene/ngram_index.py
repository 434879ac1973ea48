"""Runs of words of one length, found in a text by their digests and compared word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from calibset.hygiene.words import is_unspaced_letter

Codes = NDArray[np.uint32]
"""The numbers of words; see `Vocabulary`."""

Positions = NDArray[np.int64]
"""For each word of a text, the position of the run that begins with it, or -1 if it occurs nowhere."""

Flags = NDArray[np.bool_]
"""Whether something is true of each word, or of the run that begins with it."""

_Digests = NDArray[np.uint64]
_NUMERAL, _WORD, _LETTER = 1, 2, 3
# Runs that are digested at a time, so that a long stream needs little memory.
_CHUNK = 2**20
# A table of digests' first bits spares most searches: small enough for the processor's cache, and not much
# larger than needed.
_LEAST_BITS, _MOST_BITS = 10, 22


class Vocabulary:
    """A number for each word added, from 1 up; 0 stands for any other word."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._kinds = bytearray(1)

    def add(self, word: str) -> int:
        """Return the number of a word, and give it a new one if it has none."""
        code = self._codes.setdefault(word, len(self._kinds))
        if code == len(self._kinds):
            self._kinds.append(
                _NUMERAL if word.isnumeric() else _LETTER if is_unspaced_letter(word) else _WORD
            )
        return code

    def encode(self, words: Sequence[str]) -> Codes:
        """Return the numbers of the words of a text."""
        return np.fromiter(map(self._codes.get, words, repeat(0)), np.uint32, len(words))

    def find_unspaced(self, codes: Codes) -> Flags:
        """Flag the words that are single letters of scripts without spaces."""
        return np.asarray(np.frombuffer(self._kinds, np.uint8)[codes] == _LETTER, np.bool_)

    def find_mostly_unspaced(self, codes: Codes, size: int) -> Flags:
        """Flag the runs of which more than half are single letters of scripts without spaces."""
        sums = np.concatenate(([0], np.cumsum(self.find_unspaced(codes), dtype=np.int32)))
        return np.asarray(2 * (sums[size:] - sums[:-size]) > size, np.bool_)

    def find_telling(self, codes: Codes, size: int) -> Flags:
        """Flag the runs of which at least half are distinct words that hold a letter."""
        lettered = np.frombuffer(self._kinds, np.uint8)[codes] >= _WORD
        previous = _find_previous(codes)
        count = max(codes.size - size + 1, 0)
        starts, different = np.arange(count, dtype=np.int32), np.zeros(count, np.int16)
        for offset in range(size if count else 0):
            different += lettered[offset : offset + count] & (previous[offset : offset + count] < starts)
        return np.asarray(2 * different >= size, np.bool_)


class TextRuns:
    """The runs of a text, digested once per length, however many tables they are looked up in.

    Attributes:
        codes: The numbers of the text's words.
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        self._digests: dict[int, _Digests] = {}

    def digest(self, size: int) -> _Digests:
        """Return the digests of the runs of a number of words."""
        if size not in self._digests:
            self._digests[size] = _digest_runs(self.codes, size)
        return self._digests[size]


class RunTable:
    """The runs of one length in a stream of words, and the position at which each first occurs.

    Runs are stored by a digest of 64 bits, 12 bytes each, in one sorted array; those found in a text are
    compared word by word. Among ten million runs, the chance that two have the same digest is 3 in a
    million; then the second is not found.

    Args:
        stream: The numbers of the words.
        size: How many words a run has.
        starts: The positions of the runs that count; all of them count if None.
    """

    def __init__(self, stream: Codes, size: int, starts: NDArray[np.uint32] | None = None) -> None:
        self.size = size
        digests = _digest_runs(stream, size)
        self._windows = sliding_window_view(np.pad(stream, (0, size)) if stream.size < size else stream, size)
        if starts is not None:
            digests = digests[starts]
        # As numpy.unique does, in less memory.
        order = np.argsort(digests, kind="stable").astype(np.uint32)
        digests = digests[order]
        is_first = np.diff(digests, prepend=~digests[:1]) != 0
        self._digests = digests[is_first]
        self._starts = order[is_first] if starts is None else starts[order[is_first]]
        bits = min(max(self._digests.size.bit_length() + 2, _LEAST_BITS), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._maybe = np.zeros(2**bits, np.bool_)
        self._maybe[self._digests >> self._shift] = True

    def find(self, text: TextRuns) -> Positions | None:
        """Return the first position of each run of a text, or None if no run occurs."""
        digests = text.digest(self.size)
        at = np.flatnonzero(self._maybe[digests >> self._shift])
        if not at.size:
            return None
        nearest = np.minimum(self._digests.searchsorted(digests[at]), self._digests.size - 1)
        same = self._digests[nearest] == digests[at]
        if not same.any():
            return None
        at, starts = at[same], self._starts[nearest[same]]
        equal = (sliding_window_view(text.codes, self.size)[at] == self._windows[starts]).all(axis=1)
        if not equal.any():
            return None
        positions = np.full(digests.size, -1)
        positions[at[equal]] = starts[equal]
        return positions


class Stretch(NamedTuple):
    """A stretch of consecutive words.

    Attributes:
        start: Index of the first word.
        end: Index after the last word.
    """

    start: int
    end: int

    @property
    def words(self) -> int:
        """How many words the stretch has."""
        return self.end - self.start


def find_stretches(flags: Flags) -> Iterator[Stretch]:
    """Yield the stretches of words that are flagged."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    yield from map(Stretch, edges[::2].tolist(), edges[1::2].tolist())


def find_longest(flags: Flags) -> Stretch:
    """Return the longest stretch that is flagged, the first of several; an empty one if none is."""
    return max(find_stretches(flags), key=lambda stretch: stretch.words, default=Stretch(0, 0))


def cover_runs(is_found: Flags, size: int) -> Flags:
    """Flag the words of a text that are in a run that was found."""
    changes = np.zeros(is_found.size + size, np.int64)
    changes[: is_found.size] += is_found
    changes[size:] -= is_found
    return np.asarray(np.cumsum(changes)[:-1] > 0, np.bool_)


def _find_previous(codes: Codes) -> NDArray[np.int32]:
    """Return the position at which each word last occurred before, or -1 if it didn't."""
    previous = np.full(codes.size, -1, np.int32)
    order = np.argsort(codes, kind="stable").astype(np.int32)
    again = codes[order[1:]] == codes[order[:-1]]
    previous[order[1:][again]] = order[:-1][again]
    return previous


def _digest_runs(codes: Codes, size: int) -> _Digests:
    count = max(codes.size - size + 1, 0)
    digests = np.zeros(count, np.uint64)
    for start in range(0, count, _CHUNK):
        part = digests[start : start + _CHUNK]
        spread = _spread_bits(codes[start : start + part.size + size - 1])
        for offset in range(size):
            part *= np.uint64(0x9E3779B97F4A7C15)
            part += spread[offset : offset + part.size]
    return digests


def _spread_bits(codes: Codes) -> _Digests:
    """Return the numbers spread over 64 bits by the finaliser of SplitMix64, no two of them the same."""
    spread = codes.astype(np.uint64)
    spread = (spread ^ spread >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    spread = (spread ^ spread >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(spread ^ spread >> np.uint64(31), np.uint64)
