"""A build held against the lock that stands beside its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from calibset.comparison import Difference, differences
from calibset.errors import LockError
from calibset.lockfile import Lock, lock_path, read_lock
from calibset.recipe import Recipe

__all__ = ["LockUse", "differences_of_recipe", "ensure_as_locked", "known_lock", "unlike_lock"]

LockUse = Literal["use", "require", "ignore"]
"""What becomes of a lock: its commits are read, all must be as it says, or nothing."""

_MOST_NAMED = 5
_INFORMATIVE = "versions."


def known_lock(recipe: Recipe, use: LockUse = "use") -> Lock | None:
    """Return the lock beside a recipe, if there is one and it is wanted.

    Raises:
        LockError: It is required, and there is none.
        OutputError: It can't be read.
        ValueError: ``use`` is none of the three.
    """
    if use not in get_args(LockUse):  # a slip of the pen must not switch the check off
        raise ValueError(f"lock must be one of {', '.join(get_args(LockUse))}, got {use!r}")
    if use == "ignore":
        return None
    found = read_lock(lock_path(recipe.path)) if recipe.path else None
    if found is None and use == "require":
        where = lock_path(recipe.path) if recipe.path else recipe.name
        raise LockError(f"{where}: there is no lock; write one with `calibset lock`")
    return found


def unlike_lock(known: Lock | None, made: Lock) -> tuple[Difference, ...]:
    """Return what is not as a lock has it; if something isn't, versions of packages too, as the last."""
    changed = differences(known, made) if known else ()
    own = tuple(one for one in changed if not one.what.startswith(_INFORMATIVE))
    return own + tuple(one for one in changed if one not in own) if own else ()


def differences_of_recipe(known: Lock, recipe: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what a recipe asks for otherwise than when it was locked, which can be said without a build."""
    return differences(known, known.model_copy(update={"recipe": recipe}))


def ensure_as_locked(recipe: Recipe, changed: tuple[Difference, ...]) -> None:
    """Make sure that nothing has changed.

    Raises:
        LockError: Something has; the first differences are named.
    """
    if not changed:
        return
    named = "; ".join(map(str, changed[:_MOST_NAMED]))
    more = f"; and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
    where = lock_path(recipe.path) if recipe.path else recipe.name
    raise LockError(
        f"{where}: the build is not as locked: {named}{more}; nothing was written, `calibset lock` renews it"
    )
