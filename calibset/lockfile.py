"""The lock of a recipe: what was read to build its file, so that it can be built again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from calibset.errors import OutputError
from calibset.manifest import TokenizerReport
from calibset.storage.atomic import replaced

__all__ = ["Lock", "LockedFile", "LockedSource", "lock_path", "read_lock", "write_lock"]

FORMAT = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedFile(_Frozen):
    """A file that was read.

    Attributes:
        size: Of the whole file in bytes, where its place tells.
        extents: The bytes that were read: the first, and the one behind the last, of each stretch.
        sha256: Of these bytes.
    """

    size: int | None
    extents: tuple[tuple[int, int], ...]
    sha256: str


class LockedSource(_Frozen):
    """A source: the place and the commit that it was read at, and its files by name."""

    place: str
    revision: str | None
    files: Mapping[str, LockedFile]


class Lock(_Frozen):
    """All that a build depended on, and what came of it.

    Attributes:
        name: The recipe's.
        recipe: What was asked for.
        versions: Of the packages that determine the bytes; not compared.
        tokenizer: What measured the rows.
        sources: By name.
        sha256: Of the calibration file.
    """

    format: int = FORMAT
    name: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    tokenizer: TokenizerReport
    sources: Mapping[str, LockedSource]
    sha256: str

    def pinned(self, name: str, where: Sequence[str], revision: str | None) -> LockedSource | None:
        """Return where a source was read, unless the recipe asks for another place by now.

        Args:
            name: The source.
            where: The places that the recipe names.
            revision: The branch, tag or commit that it names, if any.
        """
        source = self.sources.get(name)
        was_asked = self.recipe.get("sources", {}).get(name, {}).get("revision")
        return source if source and was_asked == revision and source.place in where else None


def lock_path(recipe: Path) -> Path:
    """Return where a recipe's lock stands: ``x.toml`` has ``x.lock``."""
    return recipe.with_suffix(".lock")


def read_lock(path: Path) -> Lock | None:
    """Return the lock at a path, or None if there is none.

    Raises:
        OutputError: There is one, and it can't be read.
    """
    try:
        return Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise OutputError(
            f"{path}: is no lock of this version of calibset; renew it with `calibset lock`"
        ) from error


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock; what stood there before stays if writing fails.

    Raises:
        OutputError: It can't be written.
    """
    with replaced(path) as stream:
        stream.write((lock.model_dump_json(indent=1) + "\n").encode("utf-8"))
