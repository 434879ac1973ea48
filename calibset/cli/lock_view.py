"""How locks, differences and the cache look."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibset.cli.console import columns, new_console, place_shown, say, size_shown
from calibset.core.text import printable

if TYPE_CHECKING:
    from calibset.dataset.diff import Difference
    from calibset.dataset.lockfile import Lock
    from calibset.storage import Cache

_MOST_NAMED = 5


def lock_summary(lock: Lock, path: Path) -> None:
    """Print what a lock holds."""
    table = columns("source", "location", "revision", files=">", read=">")
    for name, source in lock.sources.items():
        read = sum(end - start for file in source.files.values() for start, end in file.extents)
        table.add_row(
            name,
            place_shown(source.location),
            (source.revision or "")[:10],
            str(len(source.files)),
            size_shown(read),
        )
    new_console().print(table)
    say(f"wrote {path}: the set has sha256 {lock.sha256[:16]}…")


def unlike_lock_note(changed: tuple[Difference, ...], path: Path) -> None:
    """Print what a build has otherwise than its recipe's lock, if something."""
    if not changed:
        return
    say(f"note: not as {path} has it; `calibset lock` renews it:")
    for one in changed[:_MOST_NAMED]:
        say(f"  {one}")
    if len(changed) > _MOST_NAMED:
        say(f"  and {len(changed) - _MOST_NAMED} more")


def differences_table(changed: tuple[Difference, ...]) -> None:
    """Print what changed."""
    from calibset.dataset.diff import shorten

    if not changed:
        say("no difference")
        return
    table = columns("what", "before", "after")
    for one in changed:
        table.add_row(printable(one.key), printable(shorten(one.before)), printable(shorten(one.after)))
    new_console().print(table)


def differences_data(changed: tuple[Difference, ...]) -> list[dict[str, Any]]:
    """Return what changed as data."""
    return [{"what": one.key, "before": one.before, "after": one.after} for one in changed]


def cache_table(cache: Cache) -> None:
    """Print what a cache holds."""
    table = columns("location", files=">", size=">")
    kept = list(cache.kept())
    for one in kept:
        table.add_row(place_shown(one.location), str(one.files), size_shown(one.size))
    if kept:
        new_console().print(table)
    say(f"{size_shown(sum(one.size for one in kept))} in {cache.folder}")


def cache_data(cache: Cache) -> dict[str, Any]:
    """Return what a cache holds as data."""
    return {"folder": str(cache.folder), "places": [asdict(one) for one in cache.kept()]}
