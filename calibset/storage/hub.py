"""Files of a dataset repository on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from calibset.errors import SourceError
from calibset.storage.files import File, matching
from calibset.storage.retrying import PASSING_STATUS, retried

if TYPE_CHECKING:
    from huggingface_hub.hf_api import DatasetInfo

__all__ = ["HubReader"]

T = TypeVar("T")

# Larger parquet files are read by range requests; what is smaller is fetched whole and kept.
_WHOLE = 64 * 2**20


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
        with _quiet_progress():
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
            return retried(call, _passing)
        except OSError as error:
            raise SourceError(self._explained(error, name)) from error
        except Exception as error:
            if not _is_transport(error):
                raise
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
            return (
                f"{what}no such dataset repository; check its name, or log in with `hf auth login` "
                "if it is private"
            )
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{what}no revision {self.asked!r}; name a branch, tag or commit that is there"
        if isinstance(error, errors.RemoteEntryNotFoundError):
            return f"{what}no such file at revision {self.revision}"
        status = _status(error)
        if status is not None:
            return f"{what}the hub answers {status}; try again later"
        return f"{what}the hub can't be reached ({_first_line(error)}); check the network and HF_ENDPOINT"


def _passing(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status in PASSING_STATUS
    # A name that doesn't resolve or a port where nobody listens does not mend in seconds.
    broken = _is_transport(error) and "Connect" not in type(error).__name__
    return broken or "Consistency check failed" in str(error)


def _status(error: BaseException) -> int | None:
    for one in (error, error.__cause__):
        response: Any = getattr(one, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def _is_transport(error: BaseException) -> bool:
    # httpx or its successor, whichever the installed huggingface_hub uses.
    names = {cls.__name__ for one in (error, error.__cause__) if one is not None for cls in type(one).__mro__}
    return "TransportError" in names


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet_progress() -> Iterator[None]:
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
