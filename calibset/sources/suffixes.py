"""Which files the adapters of plain formats read when the recipe names none."""

from __future__ import annotations

from calibset.sources.base import Source

__all__ = ["by_suffix"]

_PACKED = ("", ".gz", ".bz2", ".xz", ".zst")


def by_suffix(source: Source, *kinds: str) -> tuple[str, ...]:
    """Return patterns for files of these kinds, compressed or not.

    A configuration narrows them to folders whose names hold it, a split to file names that do.
    """
    folders = [f"*{config}*/" for config in source.config] or [""]
    return tuple(
        f"{folder}*{split}*.{kind}{packed}" if split else f"{folder}*.{kind}{packed}"
        for folder in folders
        for split in source.split or ("",)
        for kind in kinds
        for packed in _PACKED
    )
