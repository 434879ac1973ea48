"""Files of dataset repositories on the Hugging Face hub."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from calibset.core.errors import NotThereError, OfflineError, SourceError
from calibset.storage.cache import Cache, CachedFileInfo
from calibset.storage.cached_file import Checksum, RemoteFile, open_cached_file
from calibset.storage.certificates import hub_certificates
from calibset.storage.file_names import match_names
from calibset.storage.files import Choice, File, keep_all
from calibset.storage.hub_errors import (
    explain_download_failure,
    explain_read_error,
    is_missing_revision,
    is_silent,
    is_transient,
    quiet_hub,
)
from calibset.storage.patience import Patience, read_patience, wait_for
from calibset.storage.retry import retry
from calibset.storage.transfer import Transfer

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_COMMIT = re.compile("[0-9a-f]{40}")
# Names that the hub is asked about at once; it refuses a request of more than a thousand.
_PORTION = 500


class _Revision(BaseModel):
    """The commit that a branch or tag pointed to when it was last looked up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str


class _Entry(BaseModel):
    """A file of a commit: its size in bytes, and the hashes of its contents that the hub knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    git: str
    sha256: str


class _Listing(BaseModel):
    """The names of a commit's files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]


@dataclass(frozen=True)
class HubReader:
    """A dataset repository at one commit.

    Attributes:
        location: The location as the recipe spells it.
        repo_id: ``OWNER/NAME``.
        cache: The cache for what is read.
        requested: The branch, tag or commit to read; the main branch if None.
        pattern: The folder, file or pattern that the location names; then no other file is one of it.
    """

    location: str
    repo_id: str
    cache: Cache
    requested: str | None = None
    pattern: str = ""

    @property
    def revision(self) -> str:
        """The commit that is read.

        Raises:
            SourceError: The hub doesn't answer, or has no such repository or revision.
            OfflineError: The hub may not be asked, and no earlier answer is in the cache.
        """
        return self._commit[0]

    @cached_property
    def _commit(self) -> tuple[str, _Listing]:
        """The commit and the names of its files."""
        if (known := self._load_commit()) is not None:
            return known
        if self.cache.offline:
            raise OfflineError(f"{self.location}: not in the cache")
        from huggingface_hub import HfApi

        patience = read_patience()
        info = self._ask_hub(
            lambda: HfApi().dataset_info(self.repo_id, revision=self.requested, timeout=patience.silence),
            patience,
            patience.answer,
        )
        commit = str(info.sha)
        listing = _Listing(names=tuple(sibling.rfilename for sibling in info.siblings or ()))
        self._save(listing, commit)
        self._save(_Revision(commit=commit), self.requested or "")
        return commit, listing

    def _load_commit(self) -> tuple[str, _Listing] | None:
        """Return the hub's earlier answer: valid for ever for a commit, for a branch only when offline."""
        commit = self.requested if self.requested and _COMMIT.fullmatch(self.requested) else None
        if commit is None and self.cache.offline and (head := self._load(_Revision, self.requested or "")):
            commit = head.commit
        listing = self._load(_Listing, commit) if commit else None
        return (commit, listing) if commit and listing else None

    def is_there(self) -> bool:
        """Return whether the repository exists.

        Raises:
            SourceError: The hub can't be asked.
        """
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            return bool(self.revision)
        except SourceError as error:
            cause = error.__cause__
            if isinstance(cause, RepositoryNotFoundError) and not isinstance(cause, GatedRepoError):
                return False
            raise

    def files(self, *patterns: str, choose: Choice = keep_all) -> tuple[File, ...]:
        """Return the matching files, sorted by name.

        Raises:
            SourceError: Nothing matches, or the hub doesn't answer.
        """
        names = choose(match_names(*self._list_choice(patterns), self.location))
        entries = self._entries(names)
        return tuple(self._file(name, entries[name]) for name in names if name in entries)

    def _list_choice(self, patterns: tuple[str, ...]) -> tuple[Sequence[str], tuple[str, ...]]:
        """Return the names that the location means, and the patterns of those that are asked for."""
        names, pattern = self._commit[1].names, self.pattern
        if not pattern:
            return names, patterns
        if set(pattern) & set("*?[") or pattern in names:
            return names, (pattern,)
        folder = f"{pattern.rstrip('/')}/"
        return [name for name in names if name.startswith(folder)], patterns

    def _entries(self, names: list[str]) -> dict[str, _Entry]:
        known = {name: self._load(_Entry, self.revision, name) for name in names}
        entries = {name: entry for name, entry in known.items() if entry is not None}
        if unknown := [name for name in names if name not in entries]:
            if self.cache.offline:
                raise OfflineError(f"{self.location}: {unknown[0]} is not in the cache")
            patience, end = read_patience(), time.monotonic()
            end += patience.listing
            for start in range(0, len(unknown), _PORTION):
                if time.monotonic() > end:
                    raise SourceError(f"{self.location}: {patience.describe_late(patience.listing)}")
                for name, entry in self._look_up(unknown[start : start + _PORTION], patience).items():
                    entries[name] = entry
                    # Each on its own, so that builds that run at the same time lose none of each other's.
                    self._save(entry, self.revision, name)
        return entries

    def _look_up(self, names: list[str], patience: Patience) -> dict[str, _Entry]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        infos = self._ask_hub(
            lambda: HfApi().get_paths_info(self.repo_id, names, revision=self.revision, repo_type="dataset"),
            patience,
            patience.silence,
        )
        return {info.path: _entry(info) for info in infos if isinstance(info, RepoFile)}

    def _file(self, name: str, entry: _Entry) -> File:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        url = partial(hf_hub_url, self.repo_id, name, repo_type="dataset")
        version = entry.sha256 or entry.git or self.revision
        info = CachedFileInfo(location=self.location, name=name, version=version, size=entry.size)
        transfer = Transfer(
            url(revision=self.revision),
            f"{self.location}: {name}",
            partial(explain_download_failure, self.revision),
            entry.size,
            headers=build_hf_headers,
        )
        remote = RemoteFile(
            cached_file=self.cache.cached_file(url(revision="main"), info),
            size=entry.size,
            fetch=transfer.fetch,
            checksum=Checksum(sha256=entry.sha256, git=entry.git),
            offline=self.cache.offline,
        )
        open_bytes = partial(open_cached_file, remote)
        open_ranges = partial(open_bytes, ranges=True)
        return File(name, open_bytes, entry.size, open_ranges, sha256=entry.sha256, stamp=entry.git)

    def _load(self, kind: type[M], *key: str) -> M | None:
        return self.cache.load_fact(kind, *self._key, *key)

    def _save(self, fact: BaseModel, *key: str) -> None:
        self.cache.save_fact(fact, *self._key, *key)

    @property
    def _key(self) -> tuple[str, str]:
        from huggingface_hub import constants

        return constants.ENDPOINT, self.repo_id

    def _ask_hub(self, call: Callable[[], T], patience: Patience, longest: float) -> T:
        try:
            with hub_certificates(), quiet_hub():
                return retry(lambda: wait_for(call, self.location, patience, longest=longest), is_transient)
        except SourceError:
            raise
        except Exception as error:  # beside OSError what httpx, JSON and name checks raise
            if is_silent(error):
                raise SourceError(f"{self.location}: {patience.describe_silence()}") from error
            kind = NotThereError if is_missing_revision(error) else SourceError
            raise kind(f"{self.location}: {explain_read_error(error, self.requested)}") from error


def _entry(info: RepoFile) -> _Entry:
    return _Entry(
        size=info.size, git="" if info.lfs else info.blob_id, sha256=info.lfs.sha256 if info.lfs else ""
    )
