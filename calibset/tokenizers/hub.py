"""The small files of a model on the Hugging Face hub: its tokenizer, not its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from calibset.core.errors import OfflineError, SourceError
from calibset.core.locations import REPO_ID
from calibset.storage.cache import Cache
from calibset.storage.certificates import hub_certificates
from calibset.storage.hub_errors import explain_read_error, is_silent, is_transient
from calibset.storage.patience import Patience, read_patience, wait_for
from calibset.storage.retry import retry

_HUB_MODEL = re.compile(rf"hf://(?P<repo>{REPO_ID.pattern})(?:@(?P<revision>[\w.-]+))?", re.ASCII)


def fetch_model_files(location: str, patterns: tuple[str, ...], cache: Cache) -> Path:
    """Return a folder with the files of a model that match any pattern, cached by huggingface_hub.

    The location is ``hf://OWNER/NAME``, or ``hf://OWNER/NAME@REVISION`` for a revision other than the main
    branch.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    model = _HUB_MODEL.fullmatch(location)
    if model is None:
        raise SourceError(f"{location}: must be hf://OWNER/NAME or hf://OWNER/NAME@REVISION")

    folder = cache.folder / "models"

    def find_cached() -> Path:
        return Path(
            snapshot_download(
                model["repo"],
                revision=model["revision"],
                allow_patterns=list(patterns),
                cache_dir=folder,
                local_files_only=True,
            )
        )

    def download() -> Path:
        return _download(model["repo"], model["revision"], patterns, folder, patience)

    def fetch() -> Path:
        return wait_for(download, location, patience, heard=lambda: _measure(folder))

    patience = read_patience()
    try:
        with hub_certificates(), _without_bars():
            return find_cached() if cache.offline else retry(fetch, is_transient)
    except SourceError:
        raise
    except Exception as error:  # OSError, and whatever httpx, JSON and name checks raise
        if cache.offline and isinstance(error, LocalEntryNotFoundError):
            raise OfflineError(f"{location}: not in the cache; build once without --offline") from error
        if is_silent(error) or (error.__cause__ and is_silent(error.__cause__)):
            raise SourceError(f"{location}: {patience.describe_silence()}") from error
        # If the hub can't be asked, huggingface_hub looks into the cache and says that nothing is there.
        cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else None
        raise SourceError(
            f"{location}: {explain_read_error(cause or error, model['revision'], 'model')}"
        ) from error


def _download(
    repo: str, revision: str | None, patterns: tuple[str, ...], folder: Path, patience: Patience
) -> Path:
    """Fetch the files of a model that match any pattern, one after the other, and return their folder.

    The threads of `snapshot_download` would keep the process from ending for as long as a server is silent.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import filter_repo_objects

    endpoint = constants.ENDPOINT
    wanted = revision or constants.DEFAULT_REVISION
    info = HfApi(endpoint).model_info(repo, revision=wanted, timeout=patience.silence)
    listed = [sibling.rfilename for sibling in info.siblings or ()]
    snapshot = folder / repo_folder_name(repo_id=repo, repo_type="model") / "snapshots" / str(info.sha)
    for name in filter_repo_objects(listed, allow_patterns=list(patterns)):
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise SourceError(f"hf://{repo}: the hub lists {name!r}, which would lead out of the folder")
        path = hf_hub_download(
            repo,
            name,
            revision=wanted,
            cache_dir=folder,
            endpoint=endpoint,
        )
        if Path(path) != snapshot / name:
            raise SourceError(f"hf://{repo}: the files changed while they were fetched; start again")
    return snapshot


def _measure(folder: Path) -> int:
    """Return the bytes of all files below a folder, which is how a download by another library is seen."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # renamed since it was listed
            size += path.lstat().st_size
    return size


@contextmanager
def _without_bars() -> Iterator[None]:
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    had_bars = not are_progress_bars_disabled()
    if had_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        if had_bars:
            enable_progress_bars()
