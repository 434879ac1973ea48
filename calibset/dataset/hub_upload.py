"""Upload of a calibration file, its card and related files to a dataset repository on the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from calibset.core.errors import CalibsetError, OutputError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.cards.dataset_card import CardFiles, card_files
from calibset.dataset.cards.licence_summary import public_notes, summarise_licences, used_licences
from calibset.dataset.manifest import Manifest, manifest_path
from calibset.recipe.standalone import read_standalone
from calibset.storage.certificates import hub_certificates
from calibset.storage.hub_errors import explain_write_error, quiet_hub

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    """A commit on the hub.

    Attributes:
        url: The URL of the commit.
        files: The names of its files in the repository.
        private: Whether the repository was requested to be private.
    """

    url: str
    files: tuple[str, ...]
    private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedFiles:
    """Files that are uploaded along with a calibration file.

    Attributes:
        holdout: The holdout's ``.jsonl``; its manifest is uploaded too.
        recipe: The recipe; what it extends is written into it.
        lock: The recipe's lock.
    """

    holdout: Path | None = None
    recipe: Path | None = None
    lock: Path | None = None

    def names(self, file: Path) -> CardFiles:
        """Return the names that these files and a calibration file have in the repository."""
        return CardFiles(
            file=file.name,
            manifest=manifest_path(file).name,
            holdout=None if self.holdout is None else self.holdout.name,
            recipe=None if self.recipe is None else self.recipe.name,
            lock=None if self.lock is None else self.lock.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubUpload:
    """A calibration file and the files that are uploaded along with it, in memory.

    Attributes:
        manifest: The calibration file's manifest.
        names: The names of the files in the repository.
        contents: The bytes of the files, by these names.
        holdout: The manifest of the holdout, if it is uploaded too.
    """

    manifest: Manifest
    names: CardFiles
    contents: Mapping[str, bytes]
    holdout: Manifest | None = None

    @classmethod
    def read(cls, file: str | Path, related: RelatedFiles = RelatedFiles()) -> Self:
        """Read a calibration file and the files uploaded along with it.

        Args:
            file: The ``.jsonl`` with its manifest beside it.
            related: The files that are uploaded along with it.

        Raises:
            QuantizerError: There is no such calibration file or holdout.
            OutputError: A file can't be read or is not as its manifest says, or two have one name.
        """
        path = Path(file)
        manifest = CalibrationFile.open(path).require_manifest()
        holdout = None
        if related.holdout is not None:
            holdout = CalibrationFile.open(related.holdout).require_manifest()
        contents = _read_contents(path, related)
        return cls(manifest=manifest, names=related.names(path), contents=contents, holdout=holdout)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to check in the licences before the set is made public."""
        manifests = [self.manifest] if self.holdout is None else [self.manifest, self.holdout]
        return tuple(public_notes(summarise_licences(used_licences(*manifests))))

    def files(self, repo_id: str) -> dict[str, bytes]:
        """Return all files of the repository by name, including card and attribution."""
        cards = card_files(self.manifest, self.names, holdout=self.holdout, repo_id=repo_id)
        return {**self.contents, **cards}


def push_to_hub(
    upload: str | Path | HubUpload,
    repo_id: str,
    *,
    private: bool = True,
    token: str | None = None,
    commit_message: str = "Calibration set built by calibset",
) -> PushResult:
    """Upload a calibration file to the hub in one commit: rows, manifest, card and attribution.

    The repository is created if it doesn't exist. Files with other names in it stay.

    Args:
        upload: The ``.jsonl`` with its manifest beside it, or what `HubUpload.read` returns.
        repo_id: ``OWNER/NAME`` of a dataset repository, or ``NAME`` of one of your own.
        private: Whether only its owner can see it; a repository that is public already is then refused.
        token: A token of the hub; the login's if None.
        commit_message: The message of the commit.

    Raises:
        QuantizerError: There is no such file.
        OutputError: A file can't be read or is not as its manifest says; there is no login, or the
            login may not write there; or the hub can't be reached.
    """
    if not isinstance(upload, HubUpload):
        upload = HubUpload.read(upload)
    upload.files(repo_id)  # should that fail, no empty repository is left
    from huggingface_hub import HfApi

    api = HfApi(token=token, library_name="calibset")
    with _explained(repo_id):
        repository = api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
    if private:
        _require_private(api, repository.repo_id)
    files = upload.files(repository.repo_id)  # the hub put the owner before a bare name
    url = _commit(api, repository.repo_id, files, commit_message)
    return PushResult(url=url, files=tuple(sorted(files)), private=private)


def _read_contents(file: Path, related: RelatedFiles) -> dict[str, bytes]:
    """Return the bytes of all files but the cards, by their names in the repository."""
    sets = [path for path in (file, related.holdout) if path is not None]
    others = [path for path in (related.recipe, related.lock) if path is not None]
    paths = [*sets, *map(manifest_path, sets), *others]
    contents = {}
    for path in paths:
        try:
            contents[path.name] = read_standalone(path) if path == related.recipe else path.read_bytes()
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
    if len(contents) < len(paths) or contents.keys() & {"README.md", "ATTRIBUTION.md"}:
        raise OutputError(f"{file}: two files would have the same name in the repository; rename one")
    return contents


def _require_private(api: HfApi, repo_id: str) -> None:
    # Of a repository that is there already the hub leaves the visibility as it is.
    with _explained(repo_id):
        info = api.dataset_info(repo_id)
    if not info.private:
        raise OutputError(
            f"{repo_id}: exists already and is public; push with private=False, or to another repository"
        )


def _commit(api: HfApi, repo_id: str, contents: Mapping[str, bytes], message: str) -> str:
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, contents[name]) for name in sorted(contents)]
    with _explained(repo_id):
        commit = api.create_commit(repo_id, operations, commit_message=message, repo_type="dataset")
    return str(commit.commit_url)


@contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Turn errors of the hub and of the connection to it into an `OutputError` in plain words."""
    try:
        with hub_certificates(), quiet_hub():
            yield
    except CalibsetError:
        raise
    except Exception as error:  # httpx, JSON and name checks raise others than OSError
        raise OutputError(f"{repo_id}: {explain_write_error(error, repo_id)}") from error
