"""Runs of words: where those of a text stand in the documents that were put in."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibset.hygiene.ngram_hashes import Grams
from calibset.hygiene.words import is_unspaced_letter

SHINGLE = 5
"""Words of the runs that a text's likeness is counted by."""

SHORTEST = 8
"""The fewest words of a document that is looked for as a whole."""

_Codes = NDArray[np.uint32]
_Positions = NDArray[np.int64]
_Places = NDArray[np.int32]
_Starts = NDArray[np.uint32]
_Flags = NDArray[np.bool_]
_NUMERAL, _WORD, _LETTER = 1, 2, 3


class Vocabulary:
    """A number for each word put in, from 1 on; 0 is any other word."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._kinds = bytearray(1)

    @property
    def words(self) -> list[str]:
        """The words put in, by number."""
        return list(self._codes)

    @classmethod
    def of(cls, words: Sequence[str], kinds: bytes) -> Vocabulary:
        """Return the vocabulary of different words, whose kinds are known."""
        vocabulary = cls()
        vocabulary._codes = dict(zip(words, range(1, len(words) + 1), strict=True))
        vocabulary._kinds = bytearray(kinds)
        return vocabulary

    @property
    def kinds(self) -> bytes:
        """What kind of word each number is."""
        return bytes(self._kinds)

    def code(self, word: str) -> int:
        """Return the number of a word, a new one where it has none."""
        code = self._codes.setdefault(word, len(self._kinds))
        if code == len(self._kinds):
            self._kinds.append(
                _NUMERAL if word.isnumeric() else _LETTER if is_unspaced_letter(word) else _WORD
            )
        return code

    def codes(self, words: Sequence[str]) -> _Codes:
        """Return the numbers of the words of a text."""
        return np.fromiter(map(self._codes.get, words, repeat(0)), np.uint32, len(words))

    def lettered(self, codes: _Codes) -> _Flags:
        """Tell which are words that hold a letter."""
        return np.asarray(np.frombuffer(self._kinds, np.uint8)[codes] >= _WORD, np.bool_)

    def unspaced(self, codes: _Codes) -> _Flags:
        """Tell which are single letters of scripts without spaces."""
        return np.asarray(np.frombuffer(self._kinds, np.uint8)[codes] == _LETTER, np.bool_)


@dataclass(frozen=True, slots=True)
class Series:
    """The words of documents that follow on each other.

    Attributes:
        codes: The words' numbers.
        starts: Where each document starts in them.
        documents: The documents' ids.
    """

    codes: array[int] = field(default_factory=lambda: array("I"))
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
        run: Words of a run; documents of fewer are a run as a whole, from `SHORTEST` words on. Of what
            is mostly letters of scripts without spaces both are twice as many.
        known: What `arrays` returned for the same series, so that it isn't computed again.

    Attributes:
        shingles: Where each run of `SHINGLE` words stands.
        is_telling: Which of these positions say something, see `shared`.
    """

    def __init__(
        self,
        series: Mapping[str, Series],
        vocabulary: Vocabulary,
        run: int,
        known: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._names = tuple(series)
        self._starts: list[int] = []
        self._documents: list[tuple[str, str]] = []
        parts: list[_Codes] = [np.zeros(0, np.uint32)]
        borders, offset = [], 0
        for name, held in series.items():
            borders.append(offset)
            self._starts += [offset + start for start in held.starts]
            self._documents += [(name, document) for document in held.documents]
            parts += np.frombuffer(held.codes, np.uint32), np.zeros(1, np.uint32)
            offset += len(held.codes) + 1
        stream = np.concatenate(parts)
        self._borders = np.array(borders, np.int64)
        if known is None:
            self._find_runs(stream, series, run)
            return
        self.is_telling = known["telling"].view(np.bool_)
        first, *rest = (
            Grams(stream, size, known[f"digests.{place}"], known[f"starts.{place}"])
            for place, size in enumerate(known["sizes"].tolist())
        )
        self.shingles, self._grams = first, rest

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was computed of the series, by name."""
        grams = [self.shingles, *self._grams]
        arrays: dict[str, NDArray[Any]] = {
            "telling": self.is_telling.view(np.uint8),
            "sizes": np.array([one.size for one in grams], np.int64),
        }
        for place, one in enumerate(grams):
            arrays[f"digests.{place}"], arrays[f"starts.{place}"] = one.digests, one.starts
        return arrays

    def _find_runs(self, stream: _Codes, series: Mapping[str, Series], run: int) -> None:
        vocabulary = self._vocabulary
        lettered, previous = vocabulary.lettered(stream), _previous(stream)
        self.is_telling = _telling(lettered, previous, SHINGLE)
        wanted: dict[int, list[_Starts]] = {}
        unspaced = vocabulary.unspaced(stream)
        for size, is_mostly in ((run, False), (2 * run, True)) if unspaced.any() else ((run, False),):
            telling = _telling(lettered, previous, size)
            telling &= _mostly(unspaced, size) == is_mostly
            wanted.setdefault(size, []).append(np.flatnonzero(telling).astype(np.uint32))
        for size, starts in self._whole(series, unspaced, run).items():
            telling = _telling(lettered, previous, size)
            wanted.setdefault(size, []).append(starts[telling[starts]])
        del lettered, previous, unspaced, telling
        self.shingles = Grams.of(stream, SHINGLE, borders=self._borders)
        self._grams = [
            Grams.of(
                stream,
                size,
                np.unique(np.concatenate(starts)) if len(starts) > 1 else starts[0],
                borders=self._borders,
            )
            for size, starts in wanted.items()
        ]

    def _whole(self, series: Mapping[str, Series], unspaced: _Flags, run: int) -> dict[int, _Starts]:
        """Return by their length where documents start that are a run as a whole."""
        lengths = [length for held in series.values() for length in held.lengths()]
        found: dict[int, list[int]] = {}
        for start, length in zip(self._starts, lengths, strict=True):
            if SHORTEST <= length < 2 * run:
                times = 2 if 2 * np.count_nonzero(unspaced[start : start + length]) > length else 1
                if times * SHORTEST <= length < times * run:
                    found.setdefault(length, []).append(start)
        return {size: np.array(starts, np.uint32) for size, starts in sorted(found.items())}

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

    def likeness(self, found: _Positions) -> tuple[float, _Flags]:
        """Return the part of a text's shingles that were found and say something, and their words.

        Args:
            found: Where each shingle of the text was found, -1 where nowhere.
        """
        telling = np.where(self.is_telling[found], found, -1)
        return float(np.count_nonzero(telling >= 0)) / telling.size, covered(telling, SHINGLE)

    def is_long(self, codes: _Codes, stretch: Stretch) -> bool:
        """Tell whether a stretch has `SHORTEST` words, or twice as many that are mostly unspaced letters."""
        letters = np.count_nonzero(self._vocabulary.unspaced(codes[stretch.start : stretch.end]))
        return stretch.words >= SHORTEST * (2 if 2 * letters > stretch.words else 1)

    def sharing(self, codes: _Codes, containment: float) -> tuple[str, ...]:
        """Return the series that share a run with a text, or hold that part of it by themselves, in order."""
        owners = {owner for grams in self._grams for owner in self._owners(grams.occurrences(codes)[1])}
        at, starts = self.shingles.occurrences(codes)
        held_by = np.searchsorted(self._borders, starts, "right") - 1
        for owner in set(self._owners(starts)) - owners:
            found = np.full(codes.size - SHINGLE + 1, -1)
            found[at[held_by == owner]] = starts[held_by == owner]
            part, flags = self.likeness(found)
            if part >= containment and self.is_long(codes, longest(flags)):
                owners.add(owner)
        return tuple(self._names[owner] for owner in sorted(owners))

    def _owners(self, positions: _Positions) -> list[int]:
        owners: list[int] = np.unique(np.searchsorted(self._borders, positions, "right") - 1).tolist()
        return owners

    def document(self, position: int) -> tuple[str, str]:
        """Return the series and the document that a position is in."""
        return self._documents[bisect_right(self._starts, position) - 1]


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


def _previous(codes: _Codes) -> _Places:
    """Return for each word where it stands last before, -1 where nowhere."""
    previous = np.full(codes.size, -1, np.int32)
    order = np.argsort(codes, kind="stable").astype(np.int32)
    again = codes[order[1:]] == codes[order[:-1]]
    previous[order[1:][again]] = order[:-1][again]
    return previous


def _telling(lettered: _Flags, previous: _Places, size: int) -> _Flags:
    """Return of which runs at least half are words that hold a letter and differ."""
    count = max(lettered.size - size + 1, 0)
    starts, differ = np.arange(count, dtype=np.int32), np.zeros(count, np.int16)
    for place in range(size if count else 0):
        differ += lettered[place : place + count] & (previous[place : place + count] < starts)
    return np.asarray(2 * differ >= size, np.bool_)


def _mostly(flags: _Flags, size: int) -> _Flags:
    """Return of which runs more than half are flagged."""
    sums = np.concatenate(([0], np.cumsum(flags, dtype=np.int32)))
    return np.asarray(2 * (sums[size:] - sums[:-size]) > size, np.bool_)
