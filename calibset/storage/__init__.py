"""Where bytes come from: the hub, https and local paths, read through a cache."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from calibset.core.errors import NotThereError
from calibset.core.locations import HubDataset, LocalPath, Mirror, parse_location
from calibset.storage.cache import Cache
from calibset.storage.files import File, Reader, memory_reader
from calibset.storage.https import NO_FILE, UrlReader
from calibset.storage.hub import HubReader
from calibset.storage.hub_errors import explain_no_repository
from calibset.storage.joined import JoinedReader, split_revision
from calibset.storage.local import LocalReader, find_main_snapshot
from calibset.storage.read_tracker import FileRead, TrackedReader

__all__ = ["Cache", "File", "FileRead", "Mirror", "Reader", "Storage", "TrackedReader", "memory_reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How this machine finds the locations that a recipe names.

    Attributes:
        recipe_folder: The recipe's folder.
        data_folder: A folder that relative paths are looked up in first, if there is one.
        mirrors: Replacements for https URLs; the first whose prefix matches is used.
        cache: The cache for what is read from servers.
        given: Readers of the sources whose rows a program gives, by the source's name.
    """

    recipe_folder: Path
    data_folder: Path | None = None
    mirrors: tuple[Mirror, ...] = ()
    cache: Cache = field(default_factory=Cache.default)
    given: Mapping[str, Reader] = field(default_factory=dict)

    def open_reader(
        self, where: Sequence[str], revision: str | None = None, fallbacks: Sequence[Sequence[str]] = ()
    ) -> Reader:
        """Return a reader of all the locations together, or of the first fallback that exists.

        Args:
            where: The locations as the recipe spells them.
            revision: The branch, tag or commit of a hub repository to read; of several, each one's.
            fallbacks: What is read instead if one of the locations doesn't exist, each read together.

        Raises:
            NotThereError: A location doesn't exist, and of each fallback one doesn't either.
            SourceError: A server that may have one of them can't be asked.
            OfflineError: A server may not be asked, and its answer is not in the cache.
        """
        faults = []
        for texts in (where, *fallbacks):
            revisions = split_revision(revision, len(texts))
            found = [self._find(*pair) for pair in zip(texts, revisions, strict=True)]
            missing = [fault for fault in found if isinstance(fault, str)]
            if not missing:
                readers = tuple(reader for reader in found if not isinstance(reader, str))
                return readers[0] if len(readers) == 1 else JoinedReader(readers)
            faults += missing
        raise NotThereError("; ".join(faults))

    def _find(self, text: str, revision: str | None) -> Reader | str:
        """Return a reader of a location, or a sentence that says that it doesn't exist."""
        location = parse_location(text)
        if isinstance(location, LocalPath):
            return self._find_local(text, location.path)
        if isinstance(location, HubDataset):
            hub = HubReader(text, location.repo_id, self.cache, revision, location.pattern)
            return hub if hub.is_there() else f"{text}: {explain_no_repository('dataset')}"
        mirrored = (url for mirror in self.mirrors if (url := mirror.apply(location.url)) is not None)
        https = UrlReader(text, next(mirrored, location.url), self.cache)
        return https if https.is_there() else f"{text}: {NO_FILE}"

    def _find_local(self, text: str, path: Path) -> Reader | str:
        folders = [folder for folder in (self.data_folder, self.recipe_folder) if folder is not None]
        for folder in [Path()] if path.is_absolute() else folders:
            if os.path.exists(folder / path):  # noqa: PTH110  (Path.exists raises on a name too long)
                return LocalReader(text, find_main_snapshot(folder / path))
        folder_path, pattern = _split_pattern(path)
        for folder in [Path()] if path.is_absolute() else folders:
            if pattern and os.path.isdir(folder / folder_path):  # noqa: PTH112
                return LocalReader(text, folder / folder_path, pattern)
        tried = "" if path.is_absolute() else f" under {' or '.join(map(str, folders))}"
        return f"{text}: no such file or folder{tried}; set --data DIR to where the corpora are"


def _split_pattern(path: Path) -> tuple[Path, str]:
    """Return the folders of a path that hold no wildcard, and the rest as a pattern; empty if none does."""
    count = next((index for index, part in enumerate(path.parts) if set(part) & set("*?[")), len(path.parts))
    return Path(*path.parts[:count]), "/".join(path.parts[count:])
