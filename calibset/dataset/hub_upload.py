"""A calibration file, its card and what else belongs to it, as a dataset repository on the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.core.errors import OutputError
from calibset.dataset.calibration_file import check_manifest_matches
from calibset.dataset.cards.dataset_card import CardFiles
from calibset.dataset.cards.licence_summary import public_notes, summarise_licences, used_licences
from calibset.dataset.manifest import Manifest, manifest_path, read_manifest
from calibset.storage.hub_errors import explain_write_error, quiet_hub

if TYPE_CHECKING:
    from huggingface_hub import HfApi
from calibset.dataset.cards.dataset_card import card_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What is on the hub now.

    Attributes:
        url: Of the commit.
        files: In the repository, by name.
        private: Whether others may not see it.
    """

    url: str
    files: tuple[str, ...]
    private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedFiles:
    """Files that go along with a calibration file.

    Attributes:
        holdout: The holdout's ``.jsonl``; its manifest goes along too.
        recipe: The recipe.
        lock: The recipe's lock.
    """

    holdout: Path | None = None
    recipe: Path | None = None
    lock: Path | None = None

    def names(self, file: Path) -> CardFiles:
        """Return what they and a calibration file are called in the repository."""
        return CardFiles(
            file=file.name,
            manifest=manifest_path(file).name,
            holdout=None if self.holdout is None else self.holdout.name,
            recipe=None if self.recipe is None else self.recipe.name,
            lock=None if self.lock is None else self.lock.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubUpload:
    """A calibration file and what goes along with it, on its way to the hub.

    Attributes:
        manifest: The calibration file's.
        beside: What the files are called in the repository.
        contents: Their bytes, by these names.
        holdout: The manifest of the holdout, if it goes along.
    """

    manifest: Manifest
    beside: CardFiles
    contents: Mapping[str, bytes]
    holdout: Manifest | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What to look at in the licences before others may see it."""
        manifests = [one for one in (self.manifest, self.holdout) if one is not None]
        return tuple(public_notes(summarise_licences(used_licences(*manifests))))

    def complete(self, repo_id: str) -> dict[str, bytes]:
        """Return all files of a repository, card and attribution among them."""
        cards = card_files(self.manifest, self.beside, holdout=self.holdout, repo_id=repo_id)
        return {**self.contents, **cards}


def parcel_of(file: str | Path, also: RelatedFiles = RelatedFiles()) -> HubUpload:
    """Read a calibration file and what goes along with it.

    Args:
        file: The ``.jsonl`` with its manifest beside it.
        also: What goes along.

    Raises:
        OutputError: A file can't be read or is not as its manifest says, or two have one name.
    """
    path = Path(file)
    contents = _contents(path, also)
    return HubUpload(
        manifest=_ensured(path),
        beside=also.names(path),
        contents=contents,
        holdout=None if also.holdout is None else _ensured(also.holdout),
    )


def push_to_hub(
    what: str | Path | HubUpload,
    repo_id: str,
    *,
    private: bool = True,
    token: str | None = None,
    commit_message: str = "Calibration set built by calibset",
) -> Pushed:
    """Put a calibration file on the hub, in one commit: rows, manifest, card and attribution.

    The repository is made where there is none. Files of other names that it holds stay.

    Args:
        what: The ``.jsonl`` with its manifest beside it; or it and others, as `parcel_of` reads them.
        repo_id: ``OWNER/NAME`` of a dataset repository, or ``NAME`` of one's own.
        private: Whether only its owner sees it. One that is public already is refused then.
        token: Of the hub; the login's if None.
        commit_message: Of the commit.

    Raises:
        OutputError: A file can't be read or is not as its manifest says; there is no login, or it
            may not write there; or the hub can't be reached.
    """
    parcel = what if isinstance(what, HubUpload) else parcel_of(what)
    parcel.complete(repo_id)  # should that fail, no empty repository is left
    from huggingface_hub import HfApi

    api = HfApi(token=token, library_name="calibset")
    with _explained(repo_id):
        made = api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
    if private:
        _ensure_private(api, made.repo_id)
    files = parcel.complete(made.repo_id)  # the hub put the owner before a bare name
    url = _committed(api, made.repo_id, files, commit_message)
    return Pushed(url=url, files=tuple(sorted(files)), private=private)


def _contents(file: Path, also: RelatedFiles) -> dict[str, bytes]:
    """Return the bytes of all files that are there already, by their names in the repository."""
    sets = [path for path in (file, also.holdout) if path is not None]
    others = [path for path in (also.recipe, also.lock) if path is not None]
    paths = [*sets, *map(manifest_path, sets), *others]
    contents = {path.name: _read(path) for path in paths}
    if len(contents) < len(paths) or contents.keys() & {"README.md", "ATTRIBUTION.md"}:
        raise OutputError(f"{file}: two of the files would have one name in the repository; rename one")
    return contents


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror}") from error


def _ensured(path: Path) -> Manifest:
    """Return a file's manifest, which must be of this file."""
    found = read_manifest(path)
    if found is None:
        raise OutputError(f"{manifest_path(path)}: there is no manifest beside the file; build it again")
    check_manifest_matches(found, path)
    return found


def _ensure_private(api: HfApi, repo_id: str) -> None:
    # Of a repository that is there already the hub leaves the visibility as it is.
    with _explained(repo_id):
        found = api.dataset_info(repo_id)
    if not found.private:
        raise OutputError(
            f"{repo_id}: is there already, and public; push with private=False, or to another repository"
        )


def _committed(api: HfApi, repo_id: str, contents: Mapping[str, bytes], message: str) -> str:
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, contents[name]) for name in sorted(contents)]
    with _explained(repo_id):
        done = api.create_commit(repo_id, operations, commit_message=message, repo_type="dataset")
    return str(done.commit_url)


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Say in words what went wrong between here and the hub."""
    try:
        with quiet_hub():
            yield
    except Exception as error:  # beside OSError what httpx, JSON and name checks raise
        raise OutputError(f"{repo_id}: {explain_write_error(error, repo_id)}") from error
