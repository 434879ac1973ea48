"""Which rows of a file a quantizer keeps, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from calibset.core.errors import OutputError
from calibset.dataset.calibration_file import (
    _TOKENIZER,
    check_manifest_matches,
    existing,
    quantizer_of,
    tokenizer_of,
)
from calibset.dataset.manifest import Manifest, read_manifest
from calibset.quantizers import LoadReport, get_quantizer

_SEQLEN = 2048
_NSAMPLES = 512


def verify(
    file: str | Path,
    *,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
    quantizer: str | None = None,
) -> LoadReport:
    """Say which rows of a calibration file its quantizer keeps, whoever made it.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows; or what was exported for the consumer.
        tokenizer: The quantizer's, by name or path. By default, as for the two others, what
            the manifest beside the file says; without one, ``mistral-small-3.2``.
        seqlen: Tokens of a row that the quantizer reads; without a manifest, 2,048.
        nsamples: Rows that it takes; without a manifest, 512.
        quantizer: The quantizer, by name: a key of ``calibset.quantizers.QUANTIZERS``. By default the
            recipe's that the manifest holds; without one, ``autoround``.

    Raises:
        ConsumerError: The file can't be read, or is of a kind that the quantizer doesn't read; or there
            is no such consumer.
        TokenizerError: The tokenizer can't be loaded.
    """
    manifest = read_manifest(file)
    asked = get_quantizer(quantizer or quantizer_of(manifest))
    path = existing(file, asked.info.reads)
    measure = tokenizer_of(path, tokenizer, manifest)
    found = asked.simulate_file(
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
            check_manifest_matches(manifest, path)
        except OutputError as error:
            yield str(error)


def _note_on_assumed(given: Mapping[str, object]) -> Iterator[str]:
    """Say what was taken for granted of a file without a manifest, of which this much was given."""
    defaults = {"tokenizer": _TOKENIZER, "seqlen": f"{_SEQLEN:,}", "nsamples": _NSAMPLES}
    if assumed := [f"{name} {defaults[name]}" for name, value in given.items() if not value]:
        yield f"no manifest stands beside the file, so this is for {', '.join(assumed)}"
