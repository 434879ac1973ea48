"""A calibration file as text: what a quantizer and a tokenizer make of its rows, and a row itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from calibset.cli.console import open_console, print_line, print_lines
from calibset.core.text import printable

if TYPE_CHECKING:
    from calibset.dataset.manifest import SampleReport
    from calibset.dataset.tokenizer_check import TokenizerReport
    from calibset.quantizers import LoadReport
    from calibset.tokenizers import ControlTokens

_MOST_ROWS = 20


def print_load_report(report: LoadReport, file: str) -> None:
    """Print what a quantizer keeps of a file."""
    for line in _problem_lines(report):
        print_line(f"{file}: {line}")
    if report.fatal:
        return
    cut = sum(row.cut for row in report.rows if row.kept)
    print_line(
        f"{report.quantizer} keeps {report.kept} of {len(report.rows)} rows "
        f"(asked for {report.nsamples} rows of {report.seqlen} tokens); {cut:,} tokens are cut "
        f"({report.waste:.2%})"
    )


def _problem_lines(report: LoadReport) -> Iterator[str]:
    if report.fatal:
        yield f"{report.quantizer} can't load this file, so it keeps no row; fix or delete:"
        yield from report.fatal[:_MOST_ROWS]
        if len(report.fatal) > _MOST_ROWS:
            yield f"and {len(report.fatal) - _MOST_ROWS} more faults; --json names each"
    else:
        yield from (f"row {lost.row} is dropped: {lost.reason}" for lost in report.lost[:_MOST_ROWS])
        if len(report.lost) > _MOST_ROWS:
            yield f"and {len(report.lost) - _MOST_ROWS} more rows are dropped; --json names each"
    yield from (f"note: {warning}" for warning in report.warnings)
    if not report.fatal and report.kept < report.nsamples:
        yield f"{report.nsamples - report.kept} rows too few; the quantizer goes on without them"


def print_tokenizer_report(report: TokenizerReport, file: str) -> None:
    """Print which rows a tokenizer reads differently, and what to do about it."""
    print_lines(
        f"{file}: row {row.row}, token {row.index + 1}: {row.found!r} is read instead of {row.expected!r}: "
        f"{row.reason}"
        for row in report.misread[:_MOST_ROWS]
    )
    if len(report.misread) > _MOST_ROWS:
        print_line(f"{file}: and {len(report.misread) - _MOST_ROWS} more rows are misread; --json names each")
    print_line(f"{report.backend} reads {report.rows - len(report.misread)} of {report.rows} rows correctly")
    if report.misread:
        print_line(
            "give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`"
        )


def print_row(text: str, *, tokens: int, report: SampleReport | None, control_tokens: ControlTokens) -> None:
    """Print a row, with a rule before each document, and control tokens in reverse and brackets.

    Args:
        text: The row.
        tokens: How many tokens it has.
        report: What the manifest says of it, if there is one.
        control_tokens: The tokens to mark.
    """
    console = open_console()
    source = f", source {report.source}" if report else ""
    console.print(f"{tokens} tokens, {len(text)} characters{source}")
    end = 0
    for span in report.documents if report else ():
        if between := text[end : span.start].strip():
            console.print(_mark(between, control_tokens))
        kind = "filler, cut" if span.filler else "whole" if span.whole else "part"
        console.rule(Text(f"{printable(span.document)} ({kind})"), style="dim", align="left")
        console.print(_mark(text[span.start : span.end], control_tokens))
        end = span.end
    if end < len(text):
        console.print(_mark(text[end:], control_tokens))


def _mark(text: str, control_tokens: ControlTokens) -> Text:
    marked = Text()
    for piece, is_control in control_tokens.pieces(text):
        if is_control:
            marked.append(f"⟦{piece}⟧", style="bold reverse")
        else:
            marked.append(printable(piece))
    return marked
