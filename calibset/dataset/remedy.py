"""The command that mends what `verify` found."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from calibset.core.errors import CalibsetError
from calibset.core.quantizer_names import DEFAULT_QUANTIZER
from calibset.core.text import printable
from calibset.dataset.calibration_file import NAMED_BY_VERIFY, CalibrationFile
from calibset.dataset.export import EXPORTABLE, prepare_export
from calibset.dataset.token_faults import MissingEmbeddingsError
from calibset.quantizers import LoadReport, Quantizer, Verdict
from calibset.quantizers.row_reader import read_rows
from calibset.quantizers.token_faults import EMBEDDINGS_REMEDY
from calibset.tokenizers import Tokenizer

# The files that `repack` reads by their names.
_REPACKED = (".jsonl", ".ndjson", ".json", ".parquet")


def add_remedy(
    file: CalibrationFile,
    quantizer: Quantizer,
    tokenizer: Tokenizer,
    report: LoadReport,
    folder: Path | None,
) -> LoadReport:
    """Return a report with the command that mends what was found, and what that command does.

    If something isn't as it should be, it is tried whether the file can be exported, which mends it.

    Args:
        file: The file that was verified.
        quantizer: The quantizer that it was verified for.
        tokenizer: The tokenizer that read it.
        report: What was found.
        folder: The tokenizer's folder; None if it has none.
    """
    beyond = _reads_beyond_seqlen(report, quantizer, tokenizer)
    if report.verdict is Verdict.USABLE and not beyond:
        return report
    name, info = shlex.quote(printable(str(file.path))), quantizer.info
    if report.mismatches:
        remedy = f"`calibset build RECIPE --out {name}` writes the file and its manifest anew"
        return replace(report, remedy=remedy)
    fault = ""
    if file.path.suffix in EXPORTABLE:
        try:
            form = info.formats[0]
            _, exported = prepare_export(file, quantizer, form, tokenizer, report.seqlen, folder)
            if exported.kept > report.kept or beyond:
                return replace(report, remedy=_name_export(file, name, quantizer, tokenizer, exported))
        except MissingEmbeddingsError as error:
            fault = str(error).removeprefix(f"{file.path}: ").removesuffix(f"; {EMBEDDINGS_REMEDY}")
            return replace(report, export_fault=fault, remedy=EMBEDDINGS_REMEDY)
        except CalibsetError as error:
            fault = str(error).removeprefix(f"{file.path}: ").removesuffix(NAMED_BY_VERIFY)
            said = (*report.fatal, *(row.reason or row.unjudged or "" for row in report.rows if not row.kept))
            fault = "" if any(reason in fault for reason in said) else fault
    if report.verdict is Verdict.USABLE:
        return report
    return replace(report, export_fault=fault, remedy=_name_build(file, quantizer, tokenizer, report))


def _name_export(
    file: CalibrationFile, name: str, quantizer: Quantizer, tokenizer: Tokenizer, exported: LoadReport
) -> str:
    """Return the command that exports the file."""
    info = quantizer.info
    options = f" --for {info.name}"
    if file.manifest is None:
        options += f" --tokenizer {shlex.quote(tokenizer.name)} --seqlen {exported.seqlen}"
    kept = f"{exported.kept} of {len(exported.rows)} rows"
    cut = f", cut at {exported.seqlen} tokens" if info.formats[0].holds == "ids" else ""
    return f"`calibset export {name}{options}` writes a file of which {info.product} keeps {kept}{cut}"


def _name_build(file: CalibrationFile, quantizer: Quantizer, tokenizer: Tokenizer, report: LoadReport) -> str:
    """Return the command that makes other rows."""
    name = shlex.quote(printable(str(file.path)))
    if file.manifest is not None:
        return f"`calibset build RECIPE --out {name}` writes rows of {report.seqlen} tokens"
    if report.kept == len(report.rows) > 0 and report.verdict is not Verdict.NOT_JUDGED:
        return f"`calibset verify {name} --nsamples {report.kept}` asks for the rows that there are"
    kinds = set(_find_kinds(file))
    if not kinds:  # a source of nothing gives no row
        return f"`calibset build RECIPE` writes rows of {report.seqlen} tokens from texts or dialogues"
    if len(kinds) == 1 and "columns" not in kinds and file.path.suffix in _REPACKED:
        options = f" --tokenizer {shlex.quote(tokenizer.name)} --seqlen {report.seqlen}"
        if quantizer.info.name != DEFAULT_QUANTIZER:
            options += f" --for {quantizer.info.name}"
        return f"`calibset repack {name}{options}` makes rows of its {kinds.pop()} that are kept"
    return (
        f"`calibset build RECIPE` with {name} as a source makes rows of {report.seqlen} tokens of its texts"
    )


def _find_kinds(file: CalibrationFile) -> Iterator[str]:
    """Yield what the rows of a file could give: "texts", "messages", "ids", texts in "columns" or nothing."""
    try:
        rows, _ = read_rows(file.path, _find_kind)
    except CalibsetError:
        return
    yield from (row for row in rows if isinstance(row, str) and row)


def _find_kind(value: object) -> str:
    if isinstance(value, list) and not _is_ids(value):  # a file of one array, which sources read
        value = next(iter(value), None)
    if isinstance(value, str):
        return "texts" if value else ""
    if not isinstance(value, dict):
        return "ids" if _is_ids(value) else ""
    if any(value.get(key) for key in ("messages", "conversations")):
        return "messages"
    if _is_ids(value.get("input_ids")):
        return "ids"
    texts = [key for key, item in value.items() if isinstance(item, str) and item]
    return "texts" if "text" in texts or (texts and len(value) == 1) else "columns" if texts else ""


def _is_ids(value: object) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, int) and item >= 0 for item in value)
    )


def _reads_beyond_seqlen(report: LoadReport, quantizer: Quantizer, tokenizer: Tokenizer) -> bool:
    """Return whether more of a row is read than ``seqlen`` tokens."""
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    return not quantizer.info.joins_rows and any(
        row.used and row.tokens + around - row.cut > report.seqlen for row in report.rows
    )
