"""Which files the adapters of plain formats read when the recipe names none."""

from __future__ import annotations

from calibset.sources.base import Source

_PACKED = ("", ".gz", ".bz2", ".xz", ".zst")


def by_suffix(source: Source, *kinds: str, packed: bool = True) -> tuple[str, ...]:
    """Return patterns for files of these kinds, where they may be packed also with a suffix that says so.

    A configuration narrows them to folders whose names hold it, a split to file names that do.
    """
    folders = [f"*{config}*/" for config in source.config] or [""]
    return tuple(
        f"{folder}*{split}*.{kind}{suffix}" if split else f"{folder}*.{kind}{suffix}"
        for folder in folders
        for split in source.split or ("",)
        for kind in kinds
        for suffix in (_PACKED if packed else ("",))
    )
