"""Where bytes come from: the hub, https, a local path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calibset.core.errors import NotThereError
from calibset.core.locations import HubDataset, LocalPath, Mirror, Url, parse_location
from calibset.storage.cache import Cache
from calibset.storage.files import File, Reader, memory_reader
from calibset.storage.https import UrlReader
from calibset.storage.hub import HubReader
from calibset.storage.hub_errors import explain_no_repository
from calibset.storage.local import LocalReader
from calibset.storage.read_tracker import FileRead, TrackedReader

__all__ = ["Cache", "File", "FileRead", "Mirror", "Reader", "Storage", "TrackedReader", "memory_reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How this machine finds the places that a recipe names.

    Attributes:
        recipe_folder: The recipe's folder.
        data: A folder that relative paths are looked up in first, if there is one.
        mirrors: Replacements for https URLs; the first that fits is applied.
        cache: Where what was read of servers is kept.
    """

    recipe_folder: Path
    data_folder: Path | None = None
    mirrors: tuple[Mirror, ...] = ()
    cache: Cache = field(default_factory=Cache.default)

    def open_reader(self, where: Sequence[str], revision: str | None = None) -> Reader:
        """Return a reader over the first of several places that is there.

        Args:
            where: Places as the recipe spells them.
            revision: A hub repository's branch, tag or commit.

        Raises:
            NotThereError: None is there.
            SourceError: A server that may hold one can't be asked.
            OfflineError: It may not be asked, and what it holds is not in the cache.
        """
        missing = []
        for name in where:
            found = self._found(name, revision)
            if not isinstance(found, str):
                return found
            missing.append(found)
        raise NotThereError("; ".join(missing))

    def _found(self, name: str, revision: str | None) -> Reader | str:
        """Return a reader, or a sentence that says what was looked for."""
        location = parse_location(name)
        if isinstance(location, LocalPath):
            return self._local(name, location.path)
        if isinstance(location, HubDataset):
            hub = HubReader(name, location.repo_id, self.cache, revision)
            return hub if hub.is_there() else f"{name}: {explain_no_repository('dataset')}"
        remote = UrlReader(name, self._mirrored(location), self.cache)
        return remote if remote.is_there() else f"{name}: the server has no such file; check the URL"

    def _local(self, name: str, path: Path) -> Reader | str:
        bases = [base for base in (self.data_folder, self.recipe_folder) if base is not None]
        for base in [Path()] if path.is_absolute() else bases:
            if os.path.exists(base / path):  # noqa: PTH110  (Path.exists raises on a name too long)
                return LocalReader(name, base / path)
        looked = "" if path.is_absolute() else f" under {' or '.join(str(base) for base in bases)}"
        return f"{name}: no such file or folder{looked}; set --data DIR to where the corpora are"

    def _mirrored(self, location: Url) -> str:
        replaced = (mirror.apply(location.url) for mirror in self.mirrors)
        return next((url for url in replaced if url is not None), location.url)
