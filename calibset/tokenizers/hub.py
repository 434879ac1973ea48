"""Small files of a model repository on the Hugging Face hub: its tokenizer, not its weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calibset.core.errors import OfflineError, SourceError
from calibset.storage.cache import Cache
from calibset.storage.hub_errors import explain_read_error, is_transient
from calibset.storage.retry import retry

HUB_MODEL = re.compile(r"hf://(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w.-]+))?", re.ASCII)
"""How a recipe names one: ``hf://OWNER/NAME``, with ``@REVISION`` for another than the main branch."""


def fetched_model(place: str, patterns: tuple[str, ...], cache: Cache) -> Path:
    """Return a folder with the files of a model repository that match any pattern.

    Args:
        place: As `HUB_MODEL` has it.
        patterns: Shell-style.
        cache: Where they are kept, by huggingface_hub.

    Raises:
        SourceError: There is no such repository or revision, or the hub doesn't answer.
        OfflineError: It may not be asked, and was not before.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    named = HUB_MODEL.fullmatch(place)
    if named is None:
        raise SourceError(f"{place}: must read hf://OWNER/NAME or hf://OWNER/NAME@REVISION")

    def fetch() -> str:
        return snapshot_download(
            named["repo"],
            revision=named["revision"],
            allow_patterns=list(patterns),
            cache_dir=cache.folder / "models",
            local_files_only=cache.offline,
        )

    try:
        with _without_bars():
            return Path(retry(fetch, is_transient))
    except Exception as error:  # beside OSError what httpx, JSON and name checks raise
        if cache.offline and isinstance(error, LocalEntryNotFoundError):
            raise OfflineError(f"{place}: not in the cache; build once without --offline") from error
        # Where the hub can't be asked huggingface_hub looks into the cache, and says that nothing is there.
        cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else None
        raise SourceError(
            f"{place}: {explain_read_error(cause or error, named['revision'], 'model')}"
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
