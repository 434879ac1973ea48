"""Ranges of bytes of a file."""

from __future__ import annotations

from collections.abc import Iterable

ByteRange = tuple[int, int]
"""The offset of the first byte, and the offset after the last."""


def merge_ranges(ranges: Iterable[ByteRange]) -> tuple[ByteRange, ...]:
    """Return the same bytes in order, in as few ranges as possible.

    Examples:
        >>> merge_ranges([(10, 20), (0, 5), (5, 12), (30, 30)])
        ((0, 20),)
    """
    merged: list[ByteRange] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def find_gaps(ranges: Iterable[ByteRange], start: int, end: int) -> tuple[ByteRange, ...]:
    """Return the ranges of bytes from ``start`` to ``end`` that none of the given ranges covers.

    Examples:
        >>> find_gaps([(0, 5), (8, 9)], 3, 12)
        ((5, 8), (9, 12))
    """
    gaps = []
    for first, last in merge_ranges(ranges):
        gaps.append((start, min(first, end)))
        start = max(start, last)
    gaps.append((start, end))
    return tuple(gap for gap in gaps if gap[0] < gap[1])
