"""Which rows of a file a quantizer keeps, whoever made it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from calibset.belonging import ensure_of_file
from calibset.consumers import Replay, consumer_of
from calibset.errors import ConsumerError, OutputError, TokenizerError
from calibset.manifest import Manifest, read_manifest
from calibset.tokenizers import Tokenizer, load_tokenizer

_CONSUMER = "autoround"
_TOKENIZER = "mistral-small-3.2"
_SEQLEN = 2048
_NSAMPLES = 512


def verify(
    file: str | Path,
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
    consumer: str | None = None,
) -> Replay:
    """Say which rows of a calibration file its quantizer keeps, whoever made it.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows; or what was exported for the consumer.
        tokenizer: The quantizer's, by name or path. By default, as for the two others, what
            the manifest beside the file says; without one, ``mistral-small-3.2``.
        seqlen: Tokens of a row that the quantizer reads; without a manifest, 2,048.
        nsamples: Rows that it takes; without a manifest, 512.
        consumer: The quantizer, by name: a key of ``calibset.consumers.CONSUMERS``. By default the
            recipe's that the manifest holds; without one, ``autoround``.

    Raises:
        ConsumerError: The file can't be read, or is of a kind that the quantizer doesn't read; or there
            is no such consumer.
        TokenizerError: The tokenizer can't be loaded.
    """
    manifest = read_manifest(file)
    asked = consumer_of(consumer or consumer_beside(manifest))
    path = existing(file, asked.CONTRACT.reads)
    measure = tokenizer_of(path, tokenizer, manifest)
    found = asked.replay_file(
        path,
        measure,
        nsamples=nsamples or (manifest.nsamples if manifest else _NSAMPLES),
        seqlen=seqlen or (manifest.seqlen if manifest else _SEQLEN),
    )
    assumed = {} if manifest else {"tokenizer": tokenizer, "seqlen": seqlen, "nsamples": nsamples}
    notes = (*_note_on_others(manifest, path), *_note_on_assumed(assumed))
    return replace(found, warnings=(*found.warnings, *measure.notes, *notes))


def _note_on_others(manifest: Manifest | None, path: Path) -> Iterator[str]:
    """Say that the manifest is of another file, if it is: what it says may be wrong of this one."""
    # What is exported from a file may stand beside the same manifest.
    if manifest is not None and path.suffix == ".jsonl":
        try:
            ensure_of_file(manifest, path)
        except OutputError as error:
            yield str(error)


def _note_on_assumed(given: Mapping[str, object]) -> Iterator[str]:
    """Say what was taken for granted of a file without a manifest, of which this much was given."""
    defaults = {"tokenizer": _TOKENIZER, "seqlen": f"{_SEQLEN:,}", "nsamples": _NSAMPLES}
    if assumed := [f"{name} {defaults[name]}" for name, value in given.items() if not value]:
        yield f"no manifest stands beside the file, so this is for {', '.join(assumed)}"


def consumer_beside(manifest: Manifest | None) -> str:
    """Return the quantizer, by name, that a file was built for; the default without a manifest."""
    return str(manifest.recipe.get("consumer", _CONSUMER)) if manifest else _CONSUMER


def existing(file: str | Path, endings: Sequence[str] = (".jsonl", ".json")) -> Path:
    """Return the path of a calibration file that is there.

    Args:
        file: The file.
        endings: What its name may end in.

    Raises:
        ConsumerError: There is none, or its name is that of another kind of file.
    """
    path = Path(file)
    if not os.path.isfile(path):  # noqa: PTH113  (Path's raises where a folder may not be entered)
        raise ConsumerError(f"{path}: no such file")
    if path.suffix not in endings:
        *others, last = endings
        names = f"{', '.join(others)} or {last}" if others else last
        raise ConsumerError(f"{path}: a calibration file must end in {names}")
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
