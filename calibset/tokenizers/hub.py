"""The small files of a model on the Hugging Face hub: its tokenizer, not its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calibset.core.errors import OfflineError, SourceError
from calibset.storage.cache import Cache
from calibset.storage.certificates import hub_certificates
from calibset.storage.hub_errors import explain_read_error, is_transient
from calibset.storage.retry import retry

_HUB_MODEL = re.compile(r"hf://(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w.-]+))?", re.ASCII)


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

    def fetch() -> str:
        return snapshot_download(
            model["repo"],
            revision=model["revision"],
            allow_patterns=list(patterns),
            cache_dir=cache.folder / "models",
            local_files_only=cache.offline,
        )

    try:
        with hub_certificates(), _without_bars():
            return Path(retry(fetch, is_transient))
    except SourceError:
        raise
    except Exception as error:  # OSError, and whatever httpx, JSON and name checks raise
        if cache.offline and isinstance(error, LocalEntryNotFoundError):
            raise OfflineError(f"{location}: not in the cache; build once without --offline") from error
        # If the hub can't be asked, huggingface_hub looks into the cache and says that nothing is there.
        cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else None
        raise SourceError(
            f"{location}: {explain_read_error(cause or error, model['revision'], 'model')}"
        ) from error


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
