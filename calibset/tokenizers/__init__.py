"""The target model's tokenizer: found by name or path, loaded, and used as a quantizer uses it."""

from __future__ import annotations

from pathlib import Path

from calibset.core.control_tokens import ControlTokens
from calibset.core.errors import SourceError, TokenizerError
from calibset.core.locations import REPO_ID
from calibset.storage.links import find_roots, leads_out
from calibset.tokenizers.base import Encoded, Tokenizer
from calibset.tokenizers.engine_faults import translate_faults
from calibset.tokenizers.json_file import gguf_message
from calibset.tokenizers.model_folder import FILES, VOCABULARY_FILES

__all__ = [
    "DEFAULT_TOKENIZER",
    "EMBEDDED",
    "ControlTokens",
    "Encoded",
    "Tokenizer",
    "find_tokenizer_file",
    "load_tokenizer",
    "reads_control_tokens_as_text",
    "tokenizer_files",
]

DEFAULT_TOKENIZER = "mistral-small-3.2"
"""The tokenizer of recipes and files that name none."""

EMBEDDED = (DEFAULT_TOKENIZER,)
"""Tokenizers that need no file, because their vocabulary comes with mistral-common."""


def load_tokenizer(name: str, relative_to: Path | None = None, *, offline: bool = False) -> Tokenizer:
    """Return a tokenizer by name or path.

    Args:
        name: One of `EMBEDDED`; or the path of a ``tekken.json``, a ``tokenizer.json``, or a
            folder that holds one (``tokenizer.json`` wins, as it does for the quantizer) or, where
            transformers is installed, another vocabulary that it reads; or ``hf://OWNER/NAME`` for that
            of a model on the hub.
        relative_to: The folder that a relative path is looked up in, before the working directory.
        offline: Whether the hub may not be asked.

    Raises:
        TokenizerError: There is no such name or file, or it can't be read.
    """
    path = find_tokenizer_file(name, relative_to, offline=offline)
    with translate_faults(f"{name}: can't be loaded"):
        return _load(path, name)


def _load(path: Path | None, name: str) -> Tokenizer:
    if path is not None and (path.name == "tokenizer.json" or "tekken" not in path.name):
        from calibset.tokenizers import huggingface

        if any(path.match(pattern) for pattern in VOCABULARY_FILES):
            full = path.with_name("tokenizer.json")
            return (
                huggingface.from_file(full, name)
                if full.is_file()
                else huggingface.from_vocabulary(path, name)
            )
        return huggingface.from_file(path, name)
    from calibset.tokenizers import tekken

    return tekken.load_embedded(name) if path is None else tekken.from_file(path, name)


def find_tokenizer_file(name: str, relative_to: Path | None = None, *, offline: bool = False) -> Path | None:
    """Return a tokenizer's file without loading it, or None for one that needs no file.

    The tokenizer of a model on the hub is fetched and cached.

    Args:
        name: As `load_tokenizer` takes it.
        relative_to: The folder that a relative path is looked up in, before the working directory.
        offline: Whether the hub may not be asked.

    Raises:
        TokenizerError: There is no such name or file, or a file beside it is a link out of the folder.
    """
    if name in EMBEDDED:
        return None
    try:
        wanted = _fetch(name, offline=offline) if name.startswith("hf://") else Path(name).expanduser()
    except RuntimeError:  # ~NAME, and nobody of that name
        wanted = Path(name)
    try:
        for folder in (relative_to or Path(), Path()):
            path = folder / wanted
            vocabularies = (file for pattern in VOCABULARY_FILES for file in sorted(path.glob(pattern)))
            for candidate in (path, path / "tokenizer.json", path / "tekken.json", *vocabularies):
                if candidate.is_file():
                    _refuse_links_out(candidate, is_named=candidate is path)
                    return candidate
            if any(path.glob("*.gguf")):
                raise TokenizerError(gguf_message(f"tokenizer {name!r}"))
    except PermissionError as error:
        raise TokenizerError(
            f"tokenizer {name!r}: {error.filename} can't be looked for: {error.strerror}"
        ) from error
    except (OSError, ValueError):
        pass  # a name that is too long for a path, or holds a null, is the name of nothing
    meant = f"; is hf://{name} meant?" if REPO_ID.fullmatch(name) else ""
    raise TokenizerError(
        f"tokenizer {name!r}: neither a known name ({', '.join(EMBEDDED)}) nor the path of a "
        "tokenizer.json or tekken.json, or of a folder with one, nor hf://OWNER/NAME of a model that has one"
        f"{meant}"
    )


def _refuse_links_out(file: Path, *, is_named: bool) -> None:
    """Make sure that a stranger's folder has no file of somewhere else read, as a chat template say.

    A file that the user names may be a link itself.
    """
    roots = find_roots(file.parent)
    beside = (path for pattern in (*FILES, *VOCABULARY_FILES) for path in file.parent.glob(pattern))
    for path in (*(() if is_named else (file,)), *beside):
        if leads_out(path, roots) and not (is_named and path.name == file.name):
            raise TokenizerError(
                f"{path}: a symbolic link out of its folder, which is not followed; put the file itself there"
            )


def _fetch(name: str, *, offline: bool) -> Path:
    from calibset.storage.cache import Cache
    from calibset.tokenizers.hub import fetch_model_files

    try:
        return fetch_model_files(name, (*FILES, *VOCABULARY_FILES), Cache.default(offline=offline))
    except SourceError as error:
        raise TokenizerError(f"tokenizer {error}") from error


def tokenizer_files(name: str, relative_to: Path | None = None) -> tuple[Path, ...]:
    """Return the local files that `load_tokenizer` reads; none for a name on the hub or in `EMBEDDED`.

    Args:
        name: As `load_tokenizer` takes it.
        relative_to: The folder that a relative path is looked up in, before the working directory.

    Raises:
        TokenizerError: There is no such name or file.
    """
    path = None if name.startswith("hf://") else find_tokenizer_file(name, relative_to)
    if path is None:
        return ()
    return (
        path,
        *sorted(file for pattern in (*FILES, *VOCABULARY_FILES) for file in path.parent.glob(pattern)),
    )


def reads_control_tokens_as_text(path: Path | None) -> bool:
    """Return whether transformers reads control tokens as plain text when it loads the model's tokenizer.

    It does if the folder holds a ``tekken.json``, even if a ``tokenizer.json`` is there too.

    Args:
        path: The tokenizer's file, as `find_tokenizer_file` returns it; None for one that needs no file.
    """
    return path is None or "tekken" in path.name or (path.parent / "tekken.json").is_file()
