"""The target model's tokenizer: by name, or from its file."""

from __future__ import annotations

from pathlib import Path

from calibset.core.control_tokens import ControlTokens
from calibset.core.errors import SourceError, TokenizerError
from calibset.tokenizers.base import Encoded, Tokenizer

__all__ = [
    "DEFAULT_TOKENIZER",
    "EMBEDDED",
    "ControlTokens",
    "Encoded",
    "Tokenizer",
    "find_tokenizer",
    "load_tokenizer",
    "spells_control_tokens",
    "tokenizer_files",
]

_FILES = (
    "tokenizer.json", "tekken.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.*",
)  # fmt: skip

DEFAULT_TOKENIZER = "mistral-small-3.2"
"""That of recipes and files that name none."""

EMBEDDED = (DEFAULT_TOKENIZER,)
"""Tokenizers that need no file: their vocabulary comes with mistral-common."""


def load_tokenizer(name: str, beside: Path | None = None, *, offline: bool = False) -> Tokenizer:
    """Return a tokenizer by name or path.

    Args:
        name: One of `EMBEDDED`; or the path of a ``tekken.json``, a ``tokenizer.json``, or a
            folder that holds one (``tokenizer.json`` wins, as it does for the quantizer); or
            ``hf://OWNER/NAME`` for that of a model on the hub.
        beside: The folder that a relative path is looked up in, before the working directory.
        offline: Whether the hub may not be asked.

    Raises:
        TokenizerError: There is no such name or file, or it can't be read.
    """
    path = find_tokenizer(name, beside, offline=offline)
    if path is None:
        from calibset.tokenizers import tekken

        return tekken.embedded(name)
    if path.name == "tokenizer.json" or "tekken" not in path.name:
        from calibset.tokenizers import huggingface

        return huggingface.from_file(path, name)
    from calibset.tokenizers import tekken

    return tekken.from_file(path, name)


def find_tokenizer(name: str, beside: Path | None = None, *, offline: bool = False) -> Path | None:
    """Return a tokenizer's file without loading it, or None for one that needs no file.

    That of a model on the hub is fetched, and kept for the next time.

    Raises:
        TokenizerError: There is no such name or file.
    """
    if name in EMBEDDED:
        return None
    try:
        asked = _from_hub(name, offline=offline) if name.startswith("hf://") else Path(name).expanduser()
    except RuntimeError:  # ~NAME, and nobody of that name
        asked = Path(name)
    for base in (beside, Path()):
        if base is None:
            continue
        path = base / asked
        for candidate in (path, path / "tokenizer.json", path / "tekken.json"):
            if candidate.is_file():
                return candidate
    raise TokenizerError(
        f"tokenizer {name!r}: neither a known name ({', '.join(EMBEDDED)}) nor the path of a "
        "tokenizer.json or tekken.json, or of a folder with one, nor hf://OWNER/NAME of a model that has one"
    )


def _from_hub(name: str, *, offline: bool) -> Path:
    from calibset.storage.cache import Cache
    from calibset.tokenizers.hub import fetched_model

    try:
        return fetched_model(name, _FILES, Cache.default(offline=offline))
    except SourceError as error:
        raise TokenizerError(f"tokenizer {error}") from error


def tokenizer_files(name: str, beside: Path | None = None) -> tuple[Path, ...]:
    """Return the files that `load_tokenizer` reads; none of the hub, or where it needs no file.

    Args:
        name: As that of `load_tokenizer`.
        beside: The folder that a relative path is looked up in, before the working directory.

    Raises:
        TokenizerError: There is no such name or file.
    """
    path = None if name.startswith("hf://") else find_tokenizer(name, beside)
    if path is None:
        return ()
    return (path, *sorted(found for like in _FILES for found in path.parent.glob(like)))


def spells_control_tokens(path: Path | None) -> bool:
    """Return whether transformers reads control tokens as letters where it loads the model's own tokenizer.

    It does beside a ``tekken.json``, even if a ``tokenizer.json`` is there too.

    Args:
        path: The tokenizer's file, or None for one that needs no file; as of `find_tokenizer`.
    """
    return path is None or "tekken" in path.name or (path.parent / "tekken.json").is_file()
