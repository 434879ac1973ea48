"""The check of which rows of a file a quantizer keeps, whoever wrote the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from calibset.core.errors import OutputError
from calibset.dataset.calibration_file import CalibrationFile, check_ending
from calibset.dataset.tokenizer_check import TokenMismatch, find_misread
from calibset.quantizers import LoadReport, get_quantizer
from calibset.tokenizers import DEFAULT_TOKENIZER

_SEQLEN = 2048
_NSAMPLES = 512


def verify(
    file: str | Path,
    *,
    quantizer: str | None = None,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
) -> LoadReport:
    """Find out which rows of a calibration file its quantizer keeps, whoever wrote the file.

    Arguments that aren't given are taken from the manifest beside the file.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows, or a file exported for the quantizer.
        quantizer: The quantizer, by name: a key of ``calibset.QUANTIZERS``. Without a manifest,
            ``autoround``.
        tokenizer: The quantizer's tokenizer, by name or path. Without a manifest, ``mistral-small-3.2``.
        seqlen: How many tokens of a row the quantizer reads. Without a manifest, 2,048.
        nsamples: How many rows it takes. Without a manifest, 512.

    Raises:
        QuantizerError: The file can't be read, or is of a kind that the quantizer doesn't read; or there
            is no such quantizer.
        TokenizerError: The tokenizer can't be loaded.
    """
    opened = CalibrationFile.open(file, endings=None, check_manifest=False)
    loader = get_quantizer(quantizer or opened.quantizer_name)
    check_ending(opened.path, loader.info.reads)
    measure = opened.tokenizer(tokenizer, allow_changed=True)
    manifest = opened.manifest
    report = loader.simulate_file(
        opened.path,
        measure,
        nsamples=nsamples or (manifest.nsamples if manifest else _NSAMPLES),
        seqlen=seqlen or (manifest.seqlen if manifest else _SEQLEN),
    )
    if not loader.info.own_tokenizer and opened.path.suffix in (".jsonl", ".json") and not opened.row_faults:
        report = _drop_misread(report, find_misread(opened.texts, measure))
    notes = _notes(opened, tokenizer=tokenizer, seqlen=seqlen, nsamples=nsamples)
    return replace(report, warnings=(*report.warnings, *measure.notes, *notes))


def _drop_misread(report: LoadReport, misread: Iterable[TokenMismatch]) -> LoadReport:
    """Return a report in which rows that AutoTokenizer reads differently are not kept."""
    reasons = {row.row: f"AutoTokenizer reads other ids: {row.reason}" for row in misread}
    rows = (
        replace(row, reason=reasons[row.row], used=False) if row.kept and row.row in reasons else row
        for row in report.rows
    )
    return replace(report, rows=tuple(rows))


def _notes(file: CalibrationFile, **options: object) -> Iterator[str]:
    """Yield doubts about the file: its manifest belongs to another file, or defaults are assumed."""
    if file.manifest is None:
        defaults = {"tokenizer": DEFAULT_TOKENIZER, "seqlen": f"{_SEQLEN:,}", "nsamples": _NSAMPLES}
        if assumed := [f"{name} {defaults[name]}" for name, value in options.items() if not value]:
            yield f"there is no manifest beside the file, so this assumes {', '.join(assumed)}"
    elif file.path.suffix == ".jsonl":  # what is exported may stand beside the manifest of another file
        try:
            file.check_manifest()
        except OutputError as error:
            yield str(error)
