"""Sketches of texts, and the search for probably similar texts in bounded time.

MinHash signatures of a byte each are searched by bands (LSH). A text is compared with those that share a
band with it; if very many share the same band, only with the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rensa import RMinHash  # type: ignore[import-untyped]

Sketch = npt.NDArray[np.uint8]

# 32 bands of 4 miss one pair in a million at a similarity of 0.77, one in 80 at 0.6.
PERMUTATIONS, BANDS = 128, 32
"""The bytes of a sketch, and the bands of four of them by which it is searched."""
_SEED = 1

BYTES_A_SKETCH = PERMUTATIONS + 8 * BANDS
"""The bytes of memory that a sketch and its bands take."""

# Hashes become objects so many at a time.
_CHUNK = 2**16

# So many of the texts of a run that share a band are compared.
_MOST_IN_A_BAND = 64
# Sketches are sorted by band in runs, which grow from the one size to the other.
_LEAST_RUN, _MOST_RUN = 2**8, 2**15
# An entry of a run: the band's number, its four bytes, and the text's index in the run.
_BAND_BITS, _INDEX_BITS = 32, 27
_INDEX = np.uint64(2**_INDEX_BITS - 1)
_NUMBERS = np.arange(BANDS, dtype=np.uint64) << np.uint64(_BAND_BITS + _INDEX_BITS)

# A row for each text.
_Signatures = npt.NDArray[np.uint8]
_Entries = npt.NDArray[np.uint64]
_Indexes = npt.NDArray[np.intp]
_NONE: _Indexes = np.empty(0, np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Texts that were added one after the other, and their bands in order."""

    sketches: _Signatures
    entries: _Entries


class Sketches:
    """The sketches of texts, numbered from 0 in the order they are added.

    Examples:
        >>> sketches = Sketches()
        >>> some = make_sketch(np.arange(100, dtype=np.uint64))
        >>> sketches.add(some)
        >>> sketches.find_similar(some, 0.5).tolist()
        [0]
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        # The newest are few enough to look at each.
        self._newest = np.zeros((_LEAST_RUN, PERMUTATIONS), np.uint8)
        self._count = 0

    def add(self, sketch: Sketch) -> None:
        """Add a sketch."""
        self._newest[self._count] = sketch
        self._count += 1
        if self._count < _LEAST_RUN:
            return
        entries = _make_entries(self._newest) | np.arange(_LEAST_RUN, dtype=np.uint64)[:, np.newaxis]
        run = _Run(sketches=self._newest.copy(), entries=np.sort(entries, axis=None))
        while self._runs and len(self._runs[-1].sketches) == len(run.sketches) < _MOST_RUN:
            run = _merge_runs(self._runs.pop(), run)
        self._runs.append(run)
        self._count = 0

    def find_similar(self, sketch: Sketch, similarity: float) -> _Indexes:
        """Return the numbers of texts with at least this similarity by sketch, the most similar first."""
        sought = _make_entries(sketch)
        # No index is the highest, so all entries of a band are between the two.
        edges = np.concatenate((sought, sought | _INDEX))
        newest = self._newest[: self._count]
        shared = (newest.view(np.uint32) == sketch.view(np.uint32)).ravel().nonzero()[0]
        candidates = [(run.sketches, _find_sharing(run.entries, edges)) for run in self._runs]
        candidates.append((newest, np.unique(shared // BANDS) if shared.size else shared))
        return _rank(candidates, sketch, similarity)


def make_sketch(hashes: npt.NDArray[np.uint64]) -> Sketch:
    """Return the sketch of a set of hashes."""
    sketch = RMinHash(PERMUTATIONS, _SEED)
    for start in range(0, hashes.size, _CHUNK):
        sketch.update(hashes[start : start + _CHUNK].view("V8").tolist())
    # A byte tells two minima apart but once in 256, and what is found is checked anyway.
    minima: Sketch = np.array(sketch.digest(), np.uint32).astype(np.uint8)
    return minima


def _make_entries(sketches: _Signatures) -> _Entries:
    """Return the entries of each sketch's bands, a row for each sketch, for index 0."""
    return _NUMBERS | sketches.view(np.uint32).astype(np.uint64) << np.uint64(_INDEX_BITS)


def _merge_runs(earlier: _Run, later: _Run) -> _Run:
    moved = later.entries + np.uint64(len(earlier.sketches))
    return _Run(
        sketches=np.concatenate((earlier.sketches, later.sketches)),
        # A stable sort takes no time for what is two sorted parts.
        entries=np.sort(np.concatenate((earlier.entries, moved)), kind="stable"),
    )


def _rank(candidates: list[tuple[_Signatures, _Indexes]], sketch: Sketch, similarity: float) -> _Indexes:
    """Return the numbers of the candidates in runs whose sketches agree enough, the best first."""
    numbers, agreements, first = [], [], 0
    for sketches, indexes in candidates:
        if indexes.size:
            numbers.append(indexes + first)
            agreements.append((sketches[indexes] == sketch).sum(axis=1, dtype=np.int16))
        first += len(sketches)
    if not numbers:
        return _NONE
    number, agreement = np.concatenate(numbers), np.concatenate(agreements)
    enough = agreement >= similarity * PERMUTATIONS
    best: _Indexes = number[enough]
    return best[np.argsort(-agreement[enough], kind="stable")]


def _find_sharing(entries: _Entries, edges: _Entries) -> _Indexes:
    """Return the indexes of texts that share a band, of each band the first, in order."""
    bounds = entries.searchsorted(edges)
    starts = bounds[:BANDS]
    lengths = bounds[BANDS:] - starts
    if not lengths.any():
        return _NONE
    lengths = np.minimum(lengths, _MOST_IN_A_BAND)
    before = lengths.cumsum()
    taken = (starts - before + lengths).repeat(lengths) + np.arange(before[-1])
    indexes: _Indexes = np.unique(entries[taken] & _INDEX).astype(np.intp)
    return indexes
