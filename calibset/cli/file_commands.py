"""The commands on a calibration file: show, verify, export, diff."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from calibset.cli.console import print_json, print_line, print_lines
from calibset.cli.file_view import (
    backend_line,
    print_load_report,
    print_remedy,
    print_row,
    print_tokenizer_report,
    verdict_line,
)
from calibset.cli.lock_view import differences_data, print_differences
from calibset.core.errors import OutputError, RecipeError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.quantizers import QUANTIZERS, LoadReport, Verdict

_EXITS: Mapping[Verdict, int] = MappingProxyType({
    Verdict.USABLE: 0,
    Verdict.UNUSABLE: 1,
    Verdict.NOT_JUDGED: 3,
})  # fmt: skip


def show(arguments: Namespace) -> int:
    """Print a row with its documents and control tokens marked."""
    from calibset.dataset.message_rows import AnyRowReader
    from calibset.tokenizers import ControlTokens

    file = CalibrationFile.open(arguments.file, endings=None, check_manifest=False)
    tokenizer = file.tokenizer(arguments.tokenizer, allow_changed=True)
    reader = AnyRowReader(tokenizer, is_named=arguments.tokenizer is not None)
    text = file.decode(arguments.row, reader)
    if reader.rendered:
        print_line(
            f"note: row {arguments.row} holds messages; this is what the chat template of {tokenizer.name} "
            "makes of them",
            stderr=arguments.json,
        )
    report, tokens = None, len(tokenizer.encode(text, parse_special=True))
    try:
        file.check_manifest()
        report = file.manifest.samples[arguments.row - 1] if file.manifest else None
    except OutputError as error:
        print_line(f"note: {error}; the row's documents are not shown", stderr=arguments.json)
    if arguments.json:
        sample = report.model_dump(mode="json") if report else {"source": None, "documents": None}
        print_json({"row": arguments.row, "text": text, **sample, "tokens": tokens})
        return 0
    print_row(
        text,
        tokens=tokens,
        report=report,
        control_tokens=ControlTokens.of(tokenizer.special_tokens),
    )
    return 0


def verify(arguments: Namespace) -> int:
    """Print whether the quantizer can be given a file; exits 1 if not, and 3 if that isn't known."""
    from calibset.dataset.tokenizer_check import check_tokenizer
    from calibset.dataset.verify import verify as simulate_loading

    report = simulate_loading(
        arguments.file,
        tokenizer=arguments.tokenizer,
        seqlen=arguments.seqlen,
        nsamples=arguments.nsamples,
        quantizer=arguments.quantizer,
    )
    tokenizer_report = (
        check_tokenizer(arguments.file, arguments.backend, tokenizer=arguments.tokenizer)
        if arguments.backend
        else None
    )
    if arguments.json:
        checked = {"tokenizer_check": asdict(tokenizer_report)} if tokenizer_report else {}
        print_json({**_load_data(report), **checked})
    elif not arguments.quiet:
        print_load_report(report, arguments.file, pitfalls=_pitfalls(report, verbose=arguments.verbose))
        if tokenizer_report:
            print_tokenizer_report(tokenizer_report, arguments.file)
        print_remedy(report)
    else:
        if not report.passed:
            print_lines((verdict_line(report, arguments.file), *report.mismatches))
        if tokenizer_report is not None and not tokenizer_report.passed:
            print_line(backend_line(tokenizer_report))
    if tokenizer_report is not None and not tokenizer_report.passed:
        return _EXITS[Verdict.UNUSABLE]
    return _EXITS[report.verdict]


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
    if arguments.json:
        loaded = _load_data(report) if report else None
        print_json({"written": [str(result.path)], "usage": result.usage, "load_report": loaded})
    elif not arguments.quiet:
        if report is not None:
            pitfalls = _pitfalls(report, verbose=arguments.verbose)
            print_load_report(report, str(result.path), pitfalls=pitfalls)
        print_line(f"wrote {result.path}" + ("; to use it:" if result.usage else ""))
        if result.usage:
            print_line(result.usage, folds=False)
    elif report is not None and not report.passed:
        print_line(verdict_line(report, str(result.path)))
    return 0 if report is None else _EXITS[report.verdict]


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
    names = ("verdict", "kept", "passed", "waste")
    return {**asdict(report), **{name: getattr(report, name) for name in names}}


def _pitfalls(report: LoadReport, *, verbose: bool) -> tuple[str, ...]:
    """Return what can go wrong with a report's quantizer whatever the file, if that is asked for."""
    by_label = {quantizer.info.label: quantizer.info.pitfalls for quantizer in QUANTIZERS.values()}
    return by_label[report.quantizer] if verbose else ()
