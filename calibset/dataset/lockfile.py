"""The lock of a recipe: what was read to build its file, so that it can be built again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.core.locations import redact_location
from calibset.dataset.manifest import TokenizerIdentity

# Some file systems refuse to seek further than 8 TiB.
_Offset = Annotated[int, Field(ge=0, le=2**43)]


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
    extents: tuple[tuple[_Offset, _Offset], ...]
    sha256: str


class LockedSource(_Frozen):
    """A source: the place and the commit that it was read at, and its files by name."""

    location: str
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
        holdout: The SHA-256 of the holdout, where the recipe wants one.
    """

    format: Literal[1] = 1
    name: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    tokenizer: TokenizerIdentity
    sources: Mapping[str, LockedSource]
    sha256: str
    holdout: str | None = None

    @classmethod
    def read(cls, path: str | Path) -> Self | None:
        """Return the lock at a path, or None if there is none.

        Raises:
            OutputError: There is one, and it can't be read.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
        except ValidationError as error:
            raise OutputError(
                f"{path}: is no lock of this version of calibset; renew it with `calibset lock`"
            ) from error

    def write(self, path: str | Path) -> None:
        """Write the lock to a path; what stood there before stays if writing fails.

        Raises:
            OutputError: It can't be written.
        """
        with write_atomically(Path(path)) as stream:
            stream.write((self.model_dump_json(indent=1) + "\n").encode("utf-8"))

    @field_validator("recipe")
    @classmethod
    def _with_tables_of_sources(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        for corpora in (recipe.get("sources", {}), recipe.get("exclude", {})):
            if not isinstance(corpora, dict) or not all(isinstance(one, dict) for one in corpora.values()):
                raise ValueError("the sources of a recipe are tables")
        return recipe

    def pinned(
        self, name: str, where: Sequence[str], revision: str | None
    ) -> tuple[tuple[str, ...], str | None] | None:
        """Return the place and the commit that a source was read at.

        None where the recipe asks for another place or revision by now. Absolute paths of one
        last part can't be told apart, so there may be several places.

        Args:
            name: The source.
            where: The places that the recipe names.
            revision: The branch, tag or commit that it names, if any.
        """
        source = self.sources.get(name)
        corpora = {**self.recipe.get("sources", {}), **self.recipe.get("exclude", {})}
        asked = corpora.get(name, {}).get("revision")
        if source is None or asked != revision:
            return None
        places = tuple(place for place in where if redact_location(place) == source.location)
        return (places, source.revision) if places else None


def lock_path(recipe: Path) -> Path:
    """Return where a recipe's lock stands: ``x.toml`` has ``x.lock``, any other ``x.y`` has ``x.y.lock``."""
    return recipe.parent / f"{recipe.name.removesuffix('.toml')}.lock"
