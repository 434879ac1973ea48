"""The commands on a calibration file: show, verify, export, diff."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, replace
from typing import Any

from calibset.cli.console import print_json, print_line
from calibset.cli.file_view import print_load_report, print_row, print_tokenizer_report
from calibset.cli.lock_view import differences_data, print_differences
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.quantizers import LoadReport, get_quantizer


def show(arguments: Namespace) -> int:
    """Print a row with its documents and control tokens marked."""
    from calibset.tokenizers import ControlTokens

    file = CalibrationFile.open(arguments.file, endings=None, check_manifest=False)
    text = file.text(arguments.row)
    tokenizer = file.tokenizer(arguments.tokenizer, allow_changed=True)
    report = None
    try:
        file.check_manifest()
        report = file.manifest.samples[arguments.row - 1] if file.manifest else None
    except OutputError as error:
        print_line(f"note: {error}; the row's documents are not shown")
    print_row(
        text,
        tokens=len(tokenizer.encode(text, parse_special=True)),
        report=report,
        control_tokens=ControlTokens.of(tokenizer.special_tokens),
    )
    return 0


def verify(arguments: Namespace) -> int:
    """Print which rows the quantizer keeps; exits 1 if one is lost or there are too few."""
    from calibset.dataset.tokenizer_check import check_tokenizer
    from calibset.dataset.verify import verify as simulate_loading

    file = CalibrationFile.open(arguments.file, endings=None, check_manifest=False)
    quantizer = arguments.quantizer or file.quantizer_name
    report = simulate_loading(
        arguments.file,
        tokenizer=arguments.tokenizer,
        seqlen=arguments.seqlen,
        nsamples=arguments.nsamples,
        quantizer=quantizer,
    )
    report = replace(report, warnings=(*report.warnings, *get_quantizer(quantizer).info.pitfalls))
    tokenizer_report = (
        check_tokenizer(arguments.file, arguments.backend, tokenizer=arguments.tokenizer)
        if arguments.backend
        else None
    )
    if arguments.json:
        checked = {"tokenizer_check": asdict(tokenizer_report)} if tokenizer_report else {}
        print_json({**_load_data(report), **checked})
    elif not arguments.quiet:
        print_load_report(report, arguments.file)
        if tokenizer_report:
            print_tokenizer_report(tokenizer_report, arguments.file)
    return 0 if report.passed and (tokenizer_report is None or tokenizer_report.passed) else 1


def export(arguments: Namespace) -> int:
    """Write a calibration file for a quantizer, or as token ids; exits 1 if the quantizer loses a row."""
    from calibset.dataset.export import export as export_file

    result = export_file(
        arguments.file,
        arguments.out,
        quantizer=arguments.quantizer,
        format=arguments.format,
        tokenizer=arguments.tokenizer,
        seqlen=arguments.seqlen,
    )
    report = result.load_report
    if not arguments.quiet:
        if report is not None:
            report = replace(report, warnings=(*report.warnings, *result.pitfalls))
            print_load_report(report, str(result.path))
        print_line(f"wrote {result.path}" + (f"; to use it:\n{result.usage}" if result.usage else ""))
    return 0 if report is None or report.passed else 1


def diff(arguments: Namespace) -> int:
    """Print what changed between two records; exits 1 if something did, 2 if they can't be compared."""
    from calibset.dataset.diff import diff as find_differences

    try:
        changes = find_differences(arguments.before, arguments.after)
    except OutputError as error:
        raise RecipeError(str(error)) from error
    if arguments.json:
        print_json(differences_data(changes))
    else:
        print_differences(changes)
    return 1 if changes else 0


def _load_data(report: LoadReport) -> dict[str, Any]:
    return {**asdict(report), "kept": report.kept, "passed": report.passed, "waste": report.waste}
