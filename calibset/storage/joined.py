"""Several locations that are read together, as if they were one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from calibset.core.locations import JOINT
from calibset.storage.files import Choice, File, Reader, keep_all

_NO_REVISION = "-"


@dataclass(frozen=True, slots=True)
class JoinedReader:
    """Locations of one corpus, in the recipe's order.

    Attributes:
        readers: The readers of the locations, two or more.
    """

    readers: tuple[Reader, ...]

    @property
    def location(self) -> str:
        """The locations as the recipe spells them, joined."""
        return JOINT.join(reader.location for reader in self.readers)

    @property
    def revision(self) -> str | None:
        """The commits that are read, joined, with a dash for a location without; None if no one has any."""
        revisions = [reader.revision for reader in self.readers]
        if not any(revisions):
            return None
        return JOINT.join(revision or _NO_REVISION for revision in revisions)

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the matching files of each location; of equal names, the later have its number before them.

        Raises:
            SourceError: Nothing matches in one of the locations.
        """
        files = [
            (number, file)
            for number, reader in enumerate(self.readers, start=1)
            for file in reader.files(*patterns, choose=choose)
        ]
        seen = Counter[str]()
        named = []
        for number, file in files:
            named.append(replace(file, name=f"{number}/{file.name}") if seen[file.name] else file)
            seen[file.name] += 1
        return tuple(named)


def split_revision(revision: str | None, count: int) -> list[str | None]:
    """Return the revision of each of several locations: the same for all, or those that were joined."""
    parts = revision.split(JOINT) if revision else []
    if len(parts) != count:
        return [revision] * count
    return [None if part == _NO_REVISION else part for part in parts]
