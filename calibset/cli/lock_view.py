"""A lock, and the differences between locks or manifests, as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli.console import create_table, format_size, open_console, print_line, shorten_location
from calibset.core.short_forms import count

if TYPE_CHECKING:
    from calibset.dataset.diff import Difference
    from calibset.dataset.lockfile import Lock

_MOST_DIFFERENCES = 5
_MOST_ROWS = 1_000


def print_lock(lock: Lock, path: Path, not_compared: int) -> None:
    """Print what a lock holds, where it was written, and whether the index of duplicates was full."""
    table = create_table("source", "location", "revision", files=">", read=">")
    for name, source in lock.sources.items():
        size = sum(end - start for file in source.files.values() for start, end in file.extents)
        table.add_row(
            name,
            shorten_location(source.location),
            (source.revision or "")[:10],
            str(len(source.files)),
            format_size(size),
        )
    open_console().print(table)
    print_line(f"wrote {path}; the calibration file has sha256 {lock.sha256[:16]}…")
    if not_compared:
        print_line(
            f"note: the index of duplicates is full, and {not_compared:,} documents did not fit in: "
            "`calibset build --locked` fails for that"
        )


def print_lock_note(differences: Sequence[Difference], path: Path) -> None:
    """Print how a build differs from its recipe's lock, if it does."""
    if not differences:
        return
    print_line(f"note: this build differs from {path}; `calibset lock` renews it:")
    for difference in differences[:_MOST_DIFFERENCES]:
        print_line(f"  {difference}")
    if len(differences) > _MOST_DIFFERENCES:
        print_line(f"  and {len(differences) - _MOST_DIFFERENCES} more")


def print_differences(differences: Sequence[Difference]) -> None:
    """Print what changed."""
    from calibset.dataset.diff import shorten

    if not differences:
        print_line("no difference")
        return
    table = create_table("key", "before", "after")
    for change in differences[:_MOST_ROWS]:
        table.add_row(change.key, shorten(change.before), shorten(change.after))
    open_console().print(table)
    if len(differences) > _MOST_ROWS:
        print_line(f"and {count(len(differences) - _MOST_ROWS, 'more difference')}; --json names each")


def differences_data(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return what changed as data."""
    return [asdict(difference) for difference in differences]
