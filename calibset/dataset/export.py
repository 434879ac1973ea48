"""Export of a calibration file in the format that suits a quantizer best, or as token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from calibset.core.errors import OutputError, QuantizerError
from calibset.core.short_forms import count
from calibset.dataset.calibration_file import NAMED_BY_VERIFY, CalibrationFile, EncodedRow, alternatives
from calibset.dataset.manifest import manifest_path
from calibset.dataset.token_faults import (
    MissingEmbeddingsError,
    check_embeddings,
    note_doubled_bos,
    note_tokenizer,
)
from calibset.dataset.tokenizer_check import drop_misread
from calibset.quantizers import ExportRow, FileFormat, LoadReport, Quantizer, RowInput, get_quantizer
from calibset.quantizers.row_reader import read_rows, read_text_or_ids
from calibset.quantizers.row_writer import write_table
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY
from calibset.tokenizers import Tokenizer, find_tokenizer_file, tokenizer_files
from calibset.tokenizers.engine_faults import locate_faults
from calibset.tokenizers.truncation import text_budget, visible_ids

EXPORTABLE = (".jsonl", ".json", ".parquet")
"""The endings of the files that can be exported for a quantizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The exported file, and how the quantizer reads it.

    Attributes:
        path: The file or folder that was written.
        load_report: What the quantizer does with the rows; None for plain ids.
        usage: The command or code that makes the quantizer read the file; empty for plain ids.
        pitfalls: What can go wrong without showing in the file.
    """

    path: Path
    load_report: LoadReport | None = None
    usage: str = ""
    pitfalls: tuple[str, ...] = ()


def export(
    file: str | Path,
    out: str | Path | None = None,
    *,
    quantizer: str | None = None,
    format: Literal["input_ids"] | None = None,  # noqa: A002  (as the command's option)
    tokenizer: str | None = None,
    seqlen: int | None = None,
) -> ExportResult:
    """Write a calibration file's rows in the format that suits a quantizer best, so that it keeps them all.

    With ``format="input_ids"`` the rows are written as the ids that the model is shown, whatever the
    quantizer: a parquet file with a row for each, in the same order, with the columns ``input_ids`` (list
    of int32, all ``seqlen`` long: BOS and text, cut), ``source`` (null without a manifest) and
    ``row_text``. No column is called ``text``, because GPTQModel would read it instead of the ids.

    Args:
        file: JSON Lines (or a ``.json`` array) of rows; for a quantizer also a ``.parquet`` file.
        out: The file to write (or the folder, for llm-compressor); its ending selects one of the
            quantizer's formats. By default ``x.NAME.ENDING`` beside ``x.jsonl``, in the first format,
            and ``x.parquet`` for ids.
        quantizer: The quantizer, by name: a key of ``calibset.QUANTIZERS``. By default the one that the
            file was built for.
        format: ``input_ids`` to write plain ids instead of a quantizer's format.
        tokenizer: The target model's tokenizer, by name or path; by default the manifest's.
        seqlen: How many tokens of a row are read; by default the manifest's number.

    Raises:
        QuantizerError: The file can't be read, holds a row without text, or has no manifest to supply what
            isn't given; or the quantizer would drop a row, or a row of plain ids has too few.
        OutputError: The manifest belongs to another file; or ``out`` can't be written, has a name that can't
            be shown, or is a file that is read.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    if quantizer is not None and format is not None:
        raise QuantizerError("quantizer, format: only one of them can be given")
    if seqlen is not None and seqlen < 1:
        raise QuantizerError(f"seqlen: must be at least 1, got {seqlen}")
    opened = _open(Path(file), EXPORTABLE if format is None else EXPORTABLE[:2])
    path, manifest = opened.path, opened.manifest
    if manifest is None and (tokenizer is None or seqlen is None):
        raise QuantizerError(f"{path}: there is no manifest beside it, so give both --tokenizer and --seqlen")
    measure = opened.tokenizer(tokenizer)
    length = seqlen or (manifest.seqlen if manifest else 0)
    if format is not None:
        return _export_ids(opened, None if out is None else Path(out), measure, length)
    loader = get_quantizer(quantizer or opened.quantizer_name)
    form, target = _form_and_target(loader, path, out)
    _require_apart(target, opened, opened.tokenizer_name(tokenizer))
    found = find_tokenizer_file(opened.tokenizer_name(tokenizer), path.parent)
    rows, report = prepare_export(opened, loader, form, measure, length, found and found.parent)
    report = replace(report, warnings=(*report.warnings, *filter(None, (opened.find_pair_fault(),))))
    usage = loader.usage(target, report)
    loader.export(rows, target)
    return ExportResult(path=target, load_report=report, usage=usage, pitfalls=loader.info.pitfalls)


def explain_usage(file: Path, quantizer: str) -> str:
    """Return how a quantizer is given what `export` writes for it, without writing it.

    Raises:
        QuantizerError: As `export` raises it.
        TokenizerError: The tokenizer can't be loaded, or isn't the one that measured the rows.
    """
    opened, loader = _open(file, EXPORTABLE), get_quantizer(quantizer)
    if opened.manifest is None:
        raise QuantizerError(f"{file}: there is no manifest beside it; `calibset export` takes such a file")
    form, target = _form_and_target(loader, file, None)
    measure = opened.tokenizer(None)
    found = find_tokenizer_file(opened.tokenizer_name(None), file.parent)
    _, report = prepare_export(opened, loader, form, measure, opened.manifest.seqlen, found and found.parent)
    return loader.usage(target, report)


def prepare_export(
    file: CalibrationFile,
    quantizer: Quantizer,
    form: FileFormat,
    tokenizer: Tokenizer,
    seqlen: int,
    folder: Path | None,
) -> tuple[list[ExportRow], LoadReport]:
    """Return the rows to be written for a quantizer, and what it will do with them.

    Args:
        file: The calibration file.
        quantizer: The quantizer.
        form: What is written for it.
        tokenizer: The target model's tokenizer.
        seqlen: How many tokens of a row are read.
        folder: The tokenizer's folder, which may hold the model's ``config.json``; None if it has none.

    Raises:
        QuantizerError: The file can't be read, a row is in no form that can be written, or the quantizer
            would drop it.
        MissingEmbeddingsError: The model has no embedding for a token.
        TokenizerError: A row's number of tokens is not the one in its manifest.
    """
    if file.manifest is not None:
        rows = [_export_row(row.text, row.encoded.ids, tokenizer, seqlen) for row in file.rows(tokenizer)]
    else:
        rows = list(_read_foreign_rows(file.path, quantizer, form, tokenizer, seqlen))
    inputs = [row.ids if form.holds == "ids" else row.text for row in rows]
    report = quantizer.simulate(inputs, tokenizer, nsamples=len(rows), seqlen=seqlen)
    if not quantizer.info.own_tokenizer:
        report = drop_misread(report, inputs, tokenizer)
    if report.fatal:
        raise QuantizerError(
            f"{file.path}: {report.quantizer} would stop: {report.fatal[0]}; nothing was written"
        )
    if report.lost and not quantizer.info.joins_rows:
        row = report.lost[0]
        raise QuantizerError(
            f"{file.path}: {report.quantizer} would drop {len(report.lost)} of {len(rows)} rows, the first "
            f"row {row.row}: {row.reason}; nothing was written"
        )
    stop, note = check_embeddings(quantizer, tokenizer, folder, inputs, seqlen=seqlen)
    if stop:
        raise MissingEmbeddingsError(f"{file.path}: {stop}; nothing was written; {EMBEDDINGS_REMEDY}")
    own = (*note_tokenizer(quantizer, tokenizer, inputs), *([note] if note else []))
    report = replace(report, warnings=(*report.warnings, *own))
    if quantizer.info.parses_control_tokens:
        notes = note_doubled_bos([row.text for row in rows if row.text], len(rows), tokenizer)
        report = replace(report, warnings=(*report.warnings, *notes))
    return rows, report


def _open(path: Path, endings: tuple[str, ...]) -> CalibrationFile:
    """Open a calibration file; a parquet file may stand beside the manifest of another file."""
    is_table = path.suffix == ".parquet"
    opened = CalibrationFile.open(path, endings=endings, check_manifest=not is_table)
    return CalibrationFile(path, None) if is_table else opened


def _read_foreign_rows(
    path: Path, quantizer: Quantizer, form: FileFormat, tokenizer: Tokenizer, seqlen: int
) -> Iterator[ExportRow]:
    """Yield the rows of a file of any origin: its texts or, where these can be written, its ids."""
    rows, faults = _read_inputs(path, quantizer, tokenizer)
    if form.holds == "text":
        faults += [f"row {n}: has no text" for n, row in enumerate(rows, 1) if not isinstance(row, str)]
    if faults:
        raise QuantizerError(f"{path}: {faults[0]}{NAMED_BY_VERIFY}")
    for number, row in enumerate(rows, 1):
        if isinstance(row, str):
            with locate_faults(f"{path}: row {number}"):
                ids = tokenizer.encode(row.rstrip(), parse_special=True)
            yield _export_row(row, ids, tokenizer, seqlen)
        elif isinstance(row, tuple):
            yield ExportRow(text="", ids=row[:seqlen])


def _read_inputs(path: Path, quantizer: Quantizer, tokenizer: Tokenizer) -> tuple[list[RowInput], list[str]]:
    """Return rows as the quantizer reads them, or as they can be read if it doesn't read texts or ids."""
    if path.suffix in quantizer.info.reads:
        rows, faults = quantizer.read_file(path, tokenizer)
        if not faults and all(isinstance(row, str | tuple) for row in rows):
            return rows, []
    return read_rows(path, read_text_or_ids, tokenizer=tokenizer)


def _export_row(text: str, ids: Sequence[int], tokenizer: Tokenizer, seqlen: int) -> ExportRow:
    return ExportRow(text=text.rstrip(), ids=tuple(visible_ids(ids, tokenizer, seqlen)))


def _export_ids(file: CalibrationFile, out: Path | None, tokenizer: Tokenizer, seqlen: int) -> ExportResult:
    import pyarrow as pa

    target = out or file.path.with_suffix(".parquet")
    if target.suffix != ".parquet":
        raise OutputError(f"{target}: must end in .parquet")
    rows = list(file.rows(tokenizer))
    ids = [_visible_ids(file.path, row, tokenizer, seqlen) for row in rows]
    columns = {
        "input_ids": pa.array(ids, pa.list_(pa.int32())),
        "source": pa.array([row.report.source if row.report else None for row in rows], pa.string()),
        "row_text": pa.array([row.text for row in rows], pa.string()),
    }
    write_table(target, columns)
    return ExportResult(path=target)


def _form_and_target(quantizer: Quantizer, file: Path, out: str | Path | None) -> tuple[FileFormat, Path]:
    """Return what to write and where."""
    info = quantizer.info
    target = Path(out or file.with_name(f"{file.stem}.{info.name}{info.formats[0].ending}"))
    form = next((form for form in info.formats if form.ending == target.suffix), None)
    if form is None:
        endings = alternatives([form.ending or "no ending (a folder)" for form in info.formats])
        raise OutputError(f"{target}: for {info.name} it must end in {endings}")
    if form.holds == "text" and (faults := quantizer.path_problems(str(target))):
        raise OutputError(f"{target}: {info.product} can't be given this file: {'; '.join(faults)}")
    return form, target


def _require_apart(target: Path, file: CalibrationFile, tokenizer: str) -> None:
    """Refuse to write over a file that is read, or into a folder that holds such files."""
    read = {file.path: "the calibration file itself", manifest_path(file.path): "its manifest"}
    read |= dict.fromkeys(tokenizer_files(tokenizer, file.path.parent), "its tokenizer's")
    written = target.absolute().resolve()
    for path, title in read.items():
        resolved = path.absolute().resolve()
        if resolved == written:
            raise OutputError(f"{target}: is {title}")
        if not target.suffix and resolved.parent == written:
            raise OutputError(f"{target}: holds {path.name}, {title}; name a folder of its own")


def _visible_ids(path: Path, row: EncodedRow, tokenizer: Tokenizer, seqlen: int) -> tuple[int, ...]:
    """Return the ids of a row that the model is shown, which must be ``seqlen`` in number."""
    short = text_budget(tokenizer, seqlen) - len(row.encoded.ids)
    if short > 0:
        raise QuantizerError(
            f"{path}: row {row.number} is {count(short, 'token')} short of {seqlen}; `calibset verify` names "
            "each such row"
        )
    return tuple(visible_ids(row.encoded.ids, tokenizer, seqlen))
