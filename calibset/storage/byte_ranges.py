"""Stretches of a file, from a byte to another."""

from __future__ import annotations

from collections.abc import Iterable

ByteRange = tuple[int, int]
"""The first byte, and the one behind the last."""


def merge_ranges(ranges: Iterable[ByteRange]) -> tuple[ByteRange, ...]:
    """Return the same bytes in order, as few extents as there can be.

    Examples:
        >>> merge_ranges([(10, 20), (0, 5), (5, 12), (30, 30)])
        ((0, 20),)
    """
    joined: list[ByteRange] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def find_gaps(ranges: Iterable[ByteRange], start: int, end: int) -> tuple[ByteRange, ...]:
    """Return what of a stretch is in none of the extents.

    Examples:
        >>> find_gaps([(0, 5), (8, 9)], 3, 12)
        ((5, 8), (9, 12))
    """
    missing = []
    for first, last in merge_ranges(ranges):
        if start < first:
            missing.append((start, min(first, end)))
        start = max(start, last)
        if start >= end:
            break
    if start < end:
        missing.append((start, end))
    return tuple(extent for extent in missing if extent[0] < extent[1])
