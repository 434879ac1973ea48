"""Files of a dataset repository on the Hugging Face hub."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard, TypeVar, cast

from calibset.errors import SourceError
from calibset.storage.files import File, matching
from calibset.storage.retrying import PASSING_STATUS, retried

if TYPE_CHECKING:
    from huggingface_hub.hf_api import DatasetInfo

__all__ = ["NO_REPOSITORY", "HubReader"]

T = TypeVar("T")

NO_REPOSITORY = "no such dataset repository; check its name, or log in with `hf auth login` if it is private"

# Larger parquet files are read by range requests; what is smaller is fetched whole and kept.
_WHOLE = 64 * 2**20
# A name that doesn't resolve or a port where nobody listens does not mend in seconds.
_LASTING = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}
# Windows knows no quota.
_OF_DISK = {
    errno.ENOSPC,
    getattr(errno, "EDQUOT", errno.ENOSPC),
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EIO,
}


@dataclass(frozen=True)
class HubReader:
    """A dataset repository at one commit.

    Attributes:
        place: As the recipe spells it.
        repo_id: ``OWNER/NAME``.
        asked: The branch, tag or commit asked for; the main branch if None.
    """

    place: str
    repo_id: str
    asked: str | None = None

    @property
    def revision(self) -> str:
        """The commit that is read."""
        return str(self._info.sha)

    def is_there(self) -> bool:
        """Return whether the repository is there.

        Raises:
            SourceError: The hub can't be asked.
        """
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            return bool(self._info.sha)
        except SourceError as error:
            cause = error.__cause__
            if isinstance(cause, RepositoryNotFoundError) and not isinstance(cause, GatedRepoError):
                return False
            raise

    def files(self, *patterns: str) -> tuple[File, ...]:
        """Return the matching files by name.

        Raises:
            SourceError: Nothing matches, or the hub doesn't answer.
        """
        siblings = tuple(sibling.rfilename for sibling in self._info.siblings or ())
        names = matching(siblings, patterns, self.place)
        sizes = self._sizes(names)
        return tuple(
            File(name, partial(self._open, name, sizes.get(name)), sizes.get(name)) for name in names
        )

    @cached_property
    def _info(self) -> DatasetInfo:
        from huggingface_hub import HfApi

        return self._asked_hub(lambda: HfApi().dataset_info(self.repo_id, revision=self.asked))

    def _sizes(self, names: list[str]) -> dict[str, int]:
        from huggingface_hub import HfApi

        infos = self._asked_hub(
            lambda: HfApi().get_paths_info(self.repo_id, names, revision=self.revision, repo_type="dataset")
        )
        return {info.path: int(getattr(info, "size", 0)) for info in infos}

    def _open(self, name: str, size: int | None) -> BinaryIO:
        if name.endswith(".parquet") and (size or 0) > _WHOLE:
            return self._asked_hub(lambda: self._open_ranges(name), name)
        path = self._asked_hub(lambda: self._download(name), name)
        return cast("BinaryIO", open(path, "rb"))  # noqa: PTH123  (the caller closes it)

    def _download(self, name: str) -> str:
        from huggingface_hub import hf_hub_download

        return str(hf_hub_download(self.repo_id, name, repo_type="dataset", revision=self.revision))

    def _open_ranges(self, name: str) -> BinaryIO:
        from huggingface_hub import HfFileSystem

        path = f"datasets/{self.repo_id}@{self.revision}/{name}"
        return cast("BinaryIO", HfFileSystem().open(path, "rb", block_size=2**20))

    def _asked_hub(self, call: Callable[[], T], name: str = "") -> T:
        try:
            with _quiet():
                return retried(call, _passing)
        except Exception as error:  # beside OSError what httpx, JSON and name checks raise
            raise SourceError(self._explained(error, name)) from error

    def _explained(self, error: BaseException, name: str) -> str:
        from huggingface_hub import errors

        what = f"{self.place}: {name}: " if name else f"{self.place}: "
        if isinstance(error, errors.GatedRepoError):
            return (
                f"{what}the repository is gated; accept its terms on the hub, then log in with "
                "`hf auth login` or set HF_TOKEN"
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            return what + NO_REPOSITORY
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{what}no revision {self.asked!r}; name a branch, tag or commit that is there"
        if isinstance(error, errors.RemoteEntryNotFoundError):
            return f"{what}no such file at revision {self.revision}"
        return what + _trouble(error)


def _trouble(error: BaseException) -> str:
    """Say what is wrong where the fault is not the repository's."""
    status = _status(error)
    if status is not None:
        return f"the hub answers {status}; try again later"
    if _breaks_off(error):
        return "the download breaks off again and again; try again later"
    if _is_of_disk(error):
        return f"can't be kept in the cache: {error.strerror}; HF_HOME may name another folder"
    if not isinstance(error, OSError) and not _is_transport(error):
        return f"the hub's answer can't be understood ({_first_line(error)}); check HF_ENDPOINT"
    return f"the hub can't be reached ({_first_line(error)}); check the network and HF_ENDPOINT"


def _breaks_off(error: BaseException) -> bool:
    return "Consistency check failed" in str(error) or bool(
        _kinds(error) & {"ReadError", "RemoteProtocolError"}
    )


def _is_of_disk(error: BaseException) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in _OF_DISK


def _passing(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status in PASSING_STATUS
    kinds = _kinds(error)
    return _breaks_off(error) or ("TransportError" in kinds and not kinds & _LASTING)


def _status(error: BaseException) -> int | None:
    for one in (error, error.__cause__):
        response: Any = getattr(one, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def _is_transport(error: BaseException) -> bool:
    return "TransportError" in _kinds(error)


def _kinds(error: BaseException) -> set[str]:
    # By name: httpx or its successor, whichever the installed huggingface_hub uses.
    return {cls.__name__ for one in (error, error.__cause__) if one is not None for cls in type(one).__mro__}


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub from drawing bars, and from telling of each of its own retries."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    logger = logging.getLogger("huggingface_hub")
    level, had_bars = logger.level, not are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if had_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if had_bars:
            enable_progress_bars()
