"""What every source adapter is: its own configuration, and a way to read records.

An adapter is a frozen pydantic model. It names the files it wants (`patterns`) and reads one
of them (`read`); the base puts records in a seeded, representative order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from calibset.document import Record
from calibset.seeding import shuffled
from calibset.sources.sampling import Part, proportionally, shuffled_in_blocks
from calibset.storage.files import File, Reader

__all__ = ["Names", "Source", "listed"]

# Files that are loaded whole, and loaded together, in bytes; packed text grows about fourfold.
_LARGE = 32 * 2**20
_LARGE_PACKED = 8 * 2**20
_OPEN_BYTES = 64 * 2**20


def listed(value: Any) -> Any:
    """Return a single name as a list of one, anything else as it is."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
"""One name or a list of names."""


class Source(BaseModel):
    """Base of every adapter; also what `[sources.NAME]` in a recipe may hold.

    Subclasses implement `patterns` and `read`; those with a better way to sample than to load
    and shuffle (parquet row groups, say) override `documents`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: ClassVar[str] = ""
    """One line for `calibset sources`."""

    type: str = Field(
        description="The adapter: a name that `calibset sources` lists, or package.module:Class."
    )
    group: str = Field(description="The group whose share this source helps to fill.")
    weight: float = Field(
        1.0,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="Its part of the group, against the other sources of the group.",
    )
    where: Names = Field(
        description="The place, or several of which the first that is there is read: "
        "hf://datasets/OWNER/NAME, https://…, or a local path.",
        min_length=1,
    )
    config: Names = Field((), description="The dataset's configuration (subset), where it has several.")
    split: Names = Field((), description="The split, where the dataset has several.")
    revision: str | None = Field(
        None, description="A hub repository's branch, tag or commit; the main branch if unset."
    )
    files: Names = Field(
        (), description="Shell-style patterns of the files to read, in place of the adapter's own."
    )
    licence: str = Field(
        "unknown", description="The corpus's licence, an SPDX identifier where there is one."
    )

    def patterns(self) -> tuple[str, ...]:
        """Return shell-style patterns of the files that this adapter reads by default."""
        raise NotImplementedError

    def read(self, file: File) -> Iterator[Record]:
        """Yield the records of one file in the order they stand in it."""
        raise NotImplementedError

    def select(self, reader: Reader) -> tuple[File, ...]:
        """Return the files to read: those the recipe names, else the adapter's own."""
        return reader.files(*(self.files or self.patterns()))

    def documents(self, reader: Reader, *, seed: int) -> Iterator[Record]:
        """Yield every record, lazily, in an order that the seed fixes and that is fair.

        Files are taken in seeded order, up to 32 or 64 MiB of them side by side, from each in
        proportion to its size.
        """
        files = shuffled(self.select(reader), seed, "files")
        parts = (Part(file.size or 1, self.sampled(file, seed)) for file in files)
        yield from proportionally(parts, seed, "files", budget=_OPEN_BYTES)

    def sampled(self, file: File, seed: int) -> Iterator[Record]:
        """Yield one file's records: of a small file shuffled, of a large one block by block."""
        if (file.size or 0) <= (_LARGE_PACKED if file.packed else _LARGE):
            yield from shuffled(self.read(file), seed, file.name)
        else:
            yield from shuffled_in_blocks(self.read(file), seed, file.name)
