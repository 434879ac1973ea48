"""Runs of one length in a stream of numbered words, by their digests."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_Codes = NDArray[np.uint32]
_Digests = NDArray[np.uint64]
_Positions = NDArray[np.int64]
_Starts = NDArray[np.uint32]
_CHUNK = 2**20
# Tables that spare most searches: small enough for the processor's cache, and not much larger than needed.
_LEAST_BITS, _MOST_BITS = 10, 22


class Grams:
    """The runs of one length, by a digest of 64 bits, and where each stands first, in each series.

    What is found is compared word by word. Of ten million runs two have one digest with a chance of
    3 in a million; then the second is not found.

    Args:
        stream: The words' numbers; no run goes across a 0.
        size: How many words they have.
        digests: The digests of the runs that are held, in rising order.
        starts: Where each stands in the stream.
    """

    def __init__(self, stream: _Codes, size: int, digests: _Digests, starts: _Starts) -> None:
        self.size = size
        self.digests, self.starts = digests, starts
        self._stream = np.pad(stream, (0, size)) if stream.size < size else stream
        bits = min(max(int(digests.size).bit_length() + 2, _LEAST_BITS), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._maybe = np.zeros(2**bits, np.bool_)
        self._maybe[digests >> self._shift] = True

    @classmethod
    def of(
        cls, stream: _Codes, size: int, starts: _Starts | None = None, *, borders: _Positions | None = None
    ) -> Grams:
        """Return the runs of a stream.

        Args:
            stream: The words' numbers; no run goes across a 0.
            size: How many words they have.
            starts: Where those stand that count; all of them if None.
            borders: Where each series starts in the stream; it is one series if None.
        """
        digests = _digests(stream, size)
        whole = np.ones(digests.size, np.bool_)
        for border in np.flatnonzero(stream == 0).tolist():
            whole[max(border - size + 1, 0) : border + 1] = False
        held = np.flatnonzero(whole).astype(np.uint32) if starts is None else starts[whole[starts]]
        digests = digests[held]
        order = np.argsort(digests, kind="stable")
        digests, held = digests[order], held[order]
        del order
        is_first = np.ones(digests.size, np.bool_)
        is_first[1:] = digests[1:] != digests[:-1]
        if borders is not None and borders.size > 1:
            series = np.searchsorted(borders.astype(np.uint32), held, "right").astype(np.uint16)
            is_first[1:] |= series[1:] != series[:-1]
        return cls(stream, size, digests[is_first], held[is_first])

    @property
    def _windows(self) -> NDArray[np.uint32]:
        # A view, which as an attribute would be pickled as many times the stream.
        return sliding_window_view(self._stream, self.size)

    def positions(self, codes: _Codes) -> _Positions:
        """Return for each run of a text where it stands first, -1 where nowhere."""
        found = np.full(max(codes.size - self.size + 1, 0), -1)
        at, starts = self.occurrences(codes, first=True)
        found[at] = starts
        return found

    def occurrences(self, codes: _Codes, *, first: bool = False) -> tuple[_Positions, _Positions]:
        """Return the runs of a text that are held, by their places in it, and where they stand.

        Args:
            codes: The text's words.
            first: Only where each stands first, not where it does in each series.
        """
        digests = _digests(codes, self.size)
        at = np.flatnonzero(self._maybe[digests >> self._shift])
        nearest = self.digests.searchsorted(digests[at])
        found: list[tuple[_Positions, _Positions]] = []
        while at.size:
            inside = nearest < self.digests.size
            at, nearest = at[inside], nearest[inside]
            same = self.digests[nearest] == digests[at]
            at, nearest = at[same], nearest[same]
            if at.size:
                starts = self.starts[nearest].astype(np.int64)
                equal = (sliding_window_view(codes, self.size)[at] == self._windows[starts]).all(axis=1)
                found.append((at[equal], starts[equal]))
            if first:
                break
            nearest = nearest + 1
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([places for places, _ in found]), np.concatenate(
            [starts for _, starts in found]
        )


def _digests(codes: _Codes, size: int) -> _Digests:
    count = max(codes.size - size + 1, 0)
    digests = np.zeros(count, np.uint64)
    for start in range(0, count, _CHUNK):
        part = digests[start : start + _CHUNK]
        spread = _spread(codes[start : start + part.size + size - 1])
        for place in range(size):
            part *= np.uint64(0x9E3779B97F4A7C15)
            part += spread[place : place + part.size]
    return digests


def _spread(codes: _Codes) -> _Digests:
    """Return the numbers spread over 64 bits by the finaliser of SplitMix64, no two of them the same."""
    spread = codes.astype(np.uint64)
    spread = (spread ^ spread >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    spread = (spread ^ spread >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(spread ^ spread >> np.uint64(31), np.uint64)
