"""The lock of a recipe: what was read to build its file, so that the same file can be built again."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.core.locations import JOINT, redact_location
from calibset.core.short_forms import count, write_line, write_table
from calibset.core.text import printable_json
from calibset.dataset.manifest import TokenizerIdentity
from calibset.dataset.source_reports import Frozen
from calibset.storage.byte_ranges import ByteRange

# Some file systems refuse to seek further than 8 TiB.
_Offset = Annotated[int, Field(ge=0, le=2**43)]


class LockedFile(Frozen):
    """A file that was read, in whole or in part.

    Attributes:
        size: The size of the whole file in bytes; None if its server doesn't say.
        extents: The parts that were read, as the offsets of the first byte and of the byte after the last.
        sha256: The SHA-256 of the bytes of these parts.
    """

    size: int | None
    extents: tuple[tuple[_Offset, _Offset], ...]
    sha256: str

    @field_validator("extents")
    @classmethod
    def _require_order(cls, extents: tuple[ByteRange, ...]) -> tuple[ByteRange, ...]:
        # Parts that lie over each other would be read again and again.
        offsets = [offset for extent in extents for offset in extent]
        if offsets != sorted(offsets):
            raise ValueError("the parts of a file follow each other")
        return extents


class LockedSource(Frozen):
    """The location and commit at which a source was read, and its files by name.

    Attributes:
        scores: The hash of the scores by which its documents were chosen; written only if they were.
    """

    location: str
    revision: str | None
    files: Mapping[str, LockedFile]
    scores: str | None = Field(None, exclude_if=lambda scores: scores is None)


class Lock(Frozen):
    """Everything that a build depended on, and the hashes of what it wrote.

    Attributes:
        name: The recipe's name.
        recipe: The recipe, without paths that only one machine has.
        versions: The versions of the packages that determine the bytes; other versions are not refused.
        tokenizer: The tokenizer that measured the rows.
        sources: What was read, by the names of sources and evaluation sets.
        sha256: The SHA-256 of the calibration file.
        holdout: The SHA-256 of the holdout, if the recipe asks for one.
    """

    format: Literal[1] = 1
    name: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    tokenizer: TokenizerIdentity
    sources: Mapping[str, LockedSource]
    sha256: str
    holdout: str | None = None

    def __repr__(self) -> str:
        return write_line(
            "Lock", self.name, count(len(self.sources), "source"), f"sha256 {self.sha256[:16]}…"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return write_table(
            f"Lock of {self.name}: sha256 {self.sha256[:16]}…",
            ("source", "location", "revision", "files"),
            ((name, one.location, one.revision, len(one.files)) for name, one in self.sources.items()),
        )

    @classmethod
    def read(cls, path: str | Path) -> Self | None:
        """Return the lock at a path, or None if there is none.

        Raises:
            OutputError: There is a lock, but it can't be read.
        """
        path = Path(path)
        try:
            mode = path.stat().st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):  # which may never end
                raise OutputError(f"{path}: can't be read: Not a file")
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
        except ValidationError as error:
            raise OutputError(
                f"{path}: is not a lock of this version of calibset; renew it with `calibset lock`"
            ) from error

    def write(self, path: str | Path) -> None:
        """Write the lock to a path; an existing file stays if writing fails.

        Raises:
            OutputError: The lock can't be written.
        """
        with write_atomically(Path(path)) as stream:
            stream.write((printable_json(self.model_dump_json(indent=1)) + "\n").encode("utf-8"))

    @field_validator("recipe")
    @classmethod
    def _require_tables(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        for tables in (recipe.get("sources", {}), recipe.get("exclude", {})):
            if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
                raise ValueError("the sources of a recipe are tables")
        return recipe

    def pinned(
        self, name: str, choices: Sequence[Sequence[str]], revision: str | None
    ) -> tuple[tuple[Sequence[str], ...], str | None] | None:
        """Return the locations and the commit at which a source was read.

        The lock holds only the last part of an absolute path, so several choices may match.

        Args:
            name: The source's name.
            choices: The lists of locations that the recipe names now.
            revision: The branch, tag or commit that the recipe names now, if any.

        Returns:
            The lists of locations, and the commit if there is one; None if the recipe named others or another
            revision when it was locked.
        """
        source = self.sources.get(name)
        tables = {**self.recipe.get("sources", {}), **self.recipe.get("exclude", {})}
        if source is None or tables.get(name, {}).get("revision") != revision:
            return None
        same = tuple(where for where in choices if JOINT.join(map(redact_location, where)) == source.location)
        return (same, source.revision) if same else None


def lock_path(recipe: Path) -> Path:
    """Return the path of a recipe's lock: ``x.lock`` for ``x.toml``, ``x.y.lock`` for any other ``x.y``."""
    return recipe.parent / f"{recipe.name.removesuffix('.toml')}.lock"
