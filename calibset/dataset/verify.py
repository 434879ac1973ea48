"""The check of which rows of a file a quantizer keeps, whoever wrote the file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from calibset.core.errors import OutputError, QuantizerError, TokenizerError
from calibset.core.text import printable
from calibset.dataset.calibration_file import CalibrationFile, check_ending
from calibset.dataset.export import EXPORTABLE
from calibset.dataset.manifest import Manifest
from calibset.dataset.remedy import add_remedy
from calibset.dataset.token_faults import (
    check_embeddings,
    find_token_faults,
    note_doubled_bos,
    note_tokenizer,
)
from calibset.dataset.tokenizer_check import drop_misread
from calibset.quantizers import QUANTIZERS, LoadReport, Quantizer, get_quantizer
from calibset.quantizers.simulation import count_control_rows
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY, OLDER_LOADER_REMEDY
from calibset.tokenizers import (
    DEFAULT_TOKENIZER,
    Tokenizer,
    find_tokenizer_file,
    reads_control_tokens_as_text,
)

_SEQLEN = 2048
_NSAMPLES = 512
# Files that hold rows as they were built; others were exported.
_ROWS = (".jsonl", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the caller gave, so that the rest is taken from a manifest or assumed."""

    tokenizer: str | None
    seqlen: int | None
    nsamples: int | None


def verify(
    file: str | Path,
    *,
    quantizer: str | None = None,
    tokenizer: str | None = None,
    seqlen: int | None = None,
    nsamples: int | None = None,
) -> LoadReport:
    """Find out which rows of a calibration file its quantizer keeps, whoever wrote the file.

    Arguments that aren't given are taken from the manifest beside the file; for ``x.NAME.ENDING``, which
    `export` writes for a quantizer, from that of ``x.jsonl``.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows, or a file exported for the quantizer.
        quantizer: The quantizer, by name: a key of ``calibset.QUANTIZERS``. Without a manifest,
            ``autoround``.
        tokenizer: The quantizer's tokenizer, by name or path. Without a manifest, ``mistral-small-3.2``.
        seqlen: How many tokens of a row the quantizer reads. Without a manifest, 2,048.
        nsamples: How many rows it takes. Without a manifest, 512.

    Raises:
        QuantizerError: The file can't be read, or is of no kind that a quantizer reads; or there is no such
            quantizer.
        TokenizerError: The tokenizer can't be loaded.
    """
    given = _Given(tokenizer=tokenizer, seqlen=seqlen, nsamples=nsamples)
    opened = CalibrationFile.open(file, endings=None, check_manifest=False)
    exported_for, origin = _find_origin(opened)
    loader = get_quantizer(quantizer or exported_for or opened.quantizer_name)
    check_ending(opened.path, tuple(dict.fromkeys((*loader.info.reads, *EXPORTABLE))))
    opened = replace(opened, manifest=origin)
    measure = opened.tokenizer(tokenizer, allow_changed=True).uncached
    manifest = opened.manifest
    report = loader.simulate_file(
        opened.path,
        measure,
        nsamples=nsamples or (manifest.nsamples if manifest else _NSAMPLES),
        seqlen=seqlen or (manifest.seqlen if manifest else _SEQLEN),
    )
    if report.rows and not loader.info.own_tokenizer:
        report = drop_misread(report, loader.read_file(opened.path, measure)[0], measure)
    found = find_tokenizer_file(opened.tokenizer_name(tokenizer), opened.path.parent)
    own = opened if exported_for is None else CalibrationFile(opened.path, None)
    tokens = _check_tokens(opened, loader, measure, report, found, given)
    report = replace(
        report,
        fatal=(*report.fatal, *tokens.stops),
        mismatches=tuple(_find_mismatches(opened, measure, given)) if exported_for is None else (),
        warnings=(*report.warnings, *tokens.notes, *_on_assumptions(opened, given), *_on_pair(own)),
    )
    if tokens.stops:
        return replace(report, remedy=EMBEDDINGS_REMEDY)
    report = add_remedy(own, loader, measure, report, found and found.parent)
    return replace(report, remedy=report.remedy or tokens.remedy)


def _find_origin(file: CalibrationFile) -> tuple[str | None, Manifest | None]:
    """Return the quantizer that a file was exported for, as its name says, and the manifest to go by."""
    if file.manifest is None:
        for name in QUANTIZERS:
            stem = file.path.stem.removesuffix(f".{name}")
            if stem != file.path.stem and (manifest := Manifest.read(file.path.with_name(f"{stem}.jsonl"))):
                return name, manifest
    return None, file.manifest


def _find_mismatches(file: CalibrationFile, tokenizer: Tokenizer, given: _Given) -> Iterator[str]:
    """Yield why a file with a manifest beside it can't be exported: its rows or its tokenizer are others."""
    if file.manifest is None or file.path.suffix not in _ROWS:
        return  # what is exported may stand beside the manifest of another file
    try:
        file.check_manifest()
        if given.tokenizer is None:
            file.require_same_tokenizer(tokenizer)
        else:
            for _ in file.rows(tokenizer):
                pass
    except (OutputError, QuantizerError, TokenizerError) as error:
        yield str(error)


@dataclass(frozen=True, slots=True)
class _TokenCheck:
    """What is wrong with tokens: what stops the quantizer, what is read otherwise, and what mends it."""

    stops: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remedy: str = ""


def _check_tokens(
    file: CalibrationFile,
    quantizer: Quantizer,
    tokenizer: Tokenizer,
    report: LoadReport,
    path: Path | None,
    given: _Given,
) -> _TokenCheck:
    if report.fatal:
        return _TokenCheck()
    info, name = quantizer.info, file.tokenizer_name(given.tokenizer)
    rows, _ = quantizer.read_file(file.path, tokenizer)
    texts = [row for row in rows if isinstance(row, str)]
    notes, remedy = [*note_tokenizer(quantizer, tokenizer, rows)], ""
    if texts and not info.own_tokenizer:
        faults = find_token_faults(tokenizer, path and path.parent, texts, seqlen=report.seqlen)
        if faults.older_loader:
            notes.append(f"{faults.older_loader}; {OLDER_LOADER_REMEDY}")
        if reads_control_tokens_as_text(path) and (spelled := count_control_rows(texts, tokenizer)):
            notes.append(
                f"{spelled} of {len(rows)} rows hold control tokens, which transformers reads as plain text "
                "beside a tekken.json"
            )
            tekken = name if path is None else shlex.quote(printable(str(path.with_name("tekken.json"))))
            remedy = (
                f"`calibset tokenizer {tekken} --out tokenizer` writes the tokenizer to give {info.product}"
            )
    if info.parses_control_tokens:
        notes += note_doubled_bos(texts, len(rows), tokenizer)
    stop, note = check_embeddings(quantizer, tokenizer, path and path.parent, rows, seqlen=report.seqlen)
    notes += [note] if note else []
    if stop:
        return _TokenCheck((stop,), tuple(notes))
    return _TokenCheck((), tuple(notes), remedy)


def _on_assumptions(file: CalibrationFile, given: _Given) -> Iterator[str]:
    """Yield what is assumed because nothing says it."""
    if file.manifest is None:
        defaults = {"tokenizer": DEFAULT_TOKENIZER, "seqlen": f"{_SEQLEN:,}", "nsamples": _NSAMPLES}
        if assumed := [f"{name} {default}" for name, default in defaults.items() if not getattr(given, name)]:
            yield f"there is no manifest beside the file, so this assumes {', '.join(assumed)}"


def _on_pair(file: CalibrationFile) -> Iterator[str]:
    """Yield that the holdout beside a file, or the file beside a holdout, is of another build."""
    if fault := file.find_pair_fault():
        yield fault
