"""Which rows of a file a quantizer keeps, whoever made it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from calibset.consumers import Replay, autoround
from calibset.errors import ConsumerError, TokenizerError
from calibset.manifest import Manifest, read_manifest
from calibset.tokenizers import Tokenizer, load_tokenizer

__all__ = ["ensure_unchanged", "existing", "name_of", "tokenizer_of", "verify"]

_TOKENIZER = "mistral-small-3.2"
_SEQLEN = 2048
_NSAMPLES = 512


def verify(
    file: str | Path,
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
) -> Replay:
    """Say which rows of a calibration file its quantizer keeps, whoever made it.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows.
        tokenizer: The quantizer's, by name or path. By default, as for the two others, what
            the manifest beside the file says; without one, ``mistral-small-3.2``.
        seqlen: Tokens of a row that the quantizer reads; without a manifest, 2,048.
        nsamples: Rows that it takes; without a manifest, 512.

    Raises:
        ConsumerError: The file can't be read, or is of a kind that no quantizer reads.
        TokenizerError: The tokenizer can't be loaded.
    """
    path = existing(file)
    manifest = read_manifest(path)
    measure = tokenizer_of(path, tokenizer, manifest)
    found = autoround.replay_file(
        path,
        measure,
        nsamples=nsamples or (manifest.nsamples if manifest else _NSAMPLES),
        seqlen=seqlen or (manifest.seqlen if manifest else _SEQLEN),
    )
    assumed = {} if manifest else {"tokenizer": tokenizer, "seqlen": seqlen, "nsamples": nsamples}
    return replace(found, warnings=(*found.warnings, *measure.notes, *_note_on_assumed(assumed)))


def _note_on_assumed(given: Mapping[str, object]) -> Iterator[str]:
    """Say what was taken for granted of a file without a manifest, of which this much was given."""
    defaults = {"tokenizer": _TOKENIZER, "seqlen": f"{_SEQLEN:,}", "nsamples": _NSAMPLES}
    if assumed := [f"{name} {defaults[name]}" for name, value in given.items() if not value]:
        yield f"no manifest stands beside the file, so this is for {', '.join(assumed)}"


def existing(file: str | Path) -> Path:
    """Return the path of a calibration file that is there.

    Raises:
        ConsumerError: There is none, or its name is that of another kind of file.
    """
    path = Path(file)
    if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
        raise ConsumerError(f"{path}: no such file")
    if path.suffix not in (".jsonl", ".json"):
        raise ConsumerError(f"{path}: a calibration file must end in .jsonl or .json")
    return path


def tokenizer_of(path: Path, asked: str | None, manifest: Manifest | None) -> Tokenizer:
    """Return the tokenizer of a calibration file: the one asked for, or its manifest's, or the default.

    Raises:
        TokenizerError: It can't be loaded.
    """
    try:
        return load_tokenizer(asked or name_of(manifest), path.parent)
    except TokenizerError as error:
        if asked is None and manifest is not None:
            raise TokenizerError(f"{error}; the manifest names it, --tokenizer says where it is") from error
        raise


def name_of(manifest: Manifest | None) -> str:
    """Return the name of a file's tokenizer, where its user gives none."""
    return manifest.tokenizer.name if manifest else _TOKENIZER


def ensure_unchanged(path: Path, tokenizer: Tokenizer, manifest: Manifest) -> None:
    """Make sure that a tokenizer is the one that a file was built with.

    Raises:
        TokenizerError: It is another.
    """
    if tokenizer.fingerprint != manifest.tokenizer.sha256:
        raise TokenizerError(
            f"{path}: {tokenizer.name} is not what it was when the file was built; "
            "build again, or give --tokenizer"
        )
