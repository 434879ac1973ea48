"""Where a command writes a recipe."""

from __future__ import annotations

from pathlib import Path

from calibset.core.errors import OutputError, RecipeError


def require_toml(path: Path) -> None:
    """Make sure that a file may hold a recipe."""
    if path.suffix != ".toml":
        raise RecipeError(f"--out {path}: must end in .toml")


def require_folder(path: Path) -> None:
    """Make sure that the folder of a file is there."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")


def require_free(path: Path, *, force: bool) -> None:
    """Make sure that nothing is written over that nobody asked to."""
    if path.exists() and not force:
        raise OutputError(f"{path}: is there already; name another with --out, or write over it with --force")
