"""A calibration file as text: what a quantizer and a tokenizer make of its rows, and a row itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from calibset.cli.console import open_console, print_line, print_lines
from calibset.core.short_forms import count
from calibset.core.text import printable, printable_line

if TYPE_CHECKING:
    from calibset.dataset.manifest import SampleReport
    from calibset.dataset.tokenizer_check import TokenizerReport
    from calibset.quantizers import LoadReport
    from calibset.tokenizers import ControlTokens

_MOST_ROWS = 20
_MOST_LOSSES = 8
_MOST_DOCUMENTS = 1_000
# Characters of a preview.
_MOST_SHOWN = 1500


def print_load_report(report: LoadReport, file: str, *, pitfalls: Sequence[str] = ()) -> None:
    """Print whether a quantizer can be given a file, then why not, then what else its users should know.

    Args:
        report: What the quantizer does with the file.
        file: The file's path.
        pitfalls: What can go wrong with the quantizer whatever the file.
    """
    print_line(verdict_line(report, file))
    print_lines(f"  {line}" for line in _problem_lines(report))
    if report.export_fault:
        print_line(f"  nor can it be exported: {report.export_fault}")
    print_lines(f"  note: {note}" for note in (*report.warnings, *pitfalls))


def print_remedy(report: LoadReport) -> None:
    """Print the command that mends what was found, if something was."""
    if report.remedy:
        print_line(f"to mend this: {report.remedy}")


def verdict_line(report: LoadReport, file: str) -> str:
    """Return what a quantizer does with a file, in a line."""
    asked = f"asked for {report.nsamples} rows of {report.seqlen} tokens"
    if report.fatal:
        return f"{file}: {report.quantizer} can't take this file, so it keeps no row ({asked})"
    cut = sum(row.cut for row in report.rows if row.kept)
    share = f"{cut:,} tokens are cut ({report.waste:.2%})"
    if report.joined:
        read = sum(row.tokens for row in report.rows) - cut
        return f"{file}: {report.quantizer} reads {read:,} tokens in chunks of {report.seqlen}; {share}"
    of = f"of {len(report.rows)} rows ({asked})"
    if report.verdict == "not judged":
        return f"{file}: not judged: whether {report.quantizer} keeps {len(report.unjudged)} {of}"
    return f"{file}: {report.quantizer} keeps {report.kept} {of}; {share}"


def _problem_lines(report: LoadReport) -> Iterator[str]:
    yield from report.mismatches
    yield from _first(report.fatal, "fault")
    if report.fatal:
        return
    yield from _first([f"row {row.row} is dropped: {row.reason}" for row in report.lost], "dropped row")
    unjudged = [f"row {row.row} is not judged: {row.unjudged}" for row in report.unjudged]
    yield from _first(unjudged, "unjudged row")
    if (missing := report.nsamples - len(report.rows)) > 0:
        yield f"{missing} rows too few; the quantizer goes on without them"


def _first(lines: Sequence[str], kind: str) -> Iterator[str]:
    yield from lines[:_MOST_LOSSES]
    if len(lines) > _MOST_LOSSES:
        yield f"and {count(len(lines) - _MOST_LOSSES, f'more {kind}')}; --json names each"


def print_tokenizer_report(report: TokenizerReport, file: str) -> None:
    """Print which rows a tokenizer reads differently, and what to do about it."""
    print_lines(
        f"{file}: row {row.row}, token {row.index + 1}: {row.found!r} is read instead of {row.expected!r}: "
        f"{row.reason}"
        for row in report.misread[:_MOST_ROWS]
    )
    if len(report.misread) > _MOST_ROWS:
        more = count(len(report.misread) - _MOST_ROWS, "more misread row")
        print_line(f"{file}: and {more}; --json names each")
    print_line(backend_line(report))
    if report.misread:
        print_line(
            "give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`"
        )


def backend_line(report: TokenizerReport) -> str:
    """Return how many rows a tokenizer reads as they are meant, in a line."""
    return f"{report.backend} reads {report.rows - len(report.misread)} of {report.rows} rows correctly"


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
    documents = report.documents if report else ()
    for span in documents[:_MOST_DOCUMENTS]:
        if between := text[end : span.start].strip():
            console.print(_mark(between, control_tokens))
        kind = "filler, cut" if span.filler else "whole" if span.whole else "part"
        console.rule(Text(f"{printable_line(span.document)} ({kind})"), style="dim", align="left")
        console.print(_mark(text[span.start : span.end], control_tokens))
        end = span.end
    if len(documents) > _MOST_DOCUMENTS:
        print_line(f"note: --json names {count(len(documents) - _MOST_DOCUMENTS, 'more document')}")
    if end < len(text):
        console.print(_mark(text[end:], control_tokens))


def print_excerpt(title: str, text: str, control_tokens: ControlTokens) -> None:
    """Print the beginning of a text below a rule, with control tokens marked."""
    console = open_console()
    console.rule(Text(printable_line(title)), style="dim", align="left")
    marked = _mark(text[:_MOST_SHOWN], control_tokens)
    if len(text) > _MOST_SHOWN:
        marked.append(f" … and {len(text) - _MOST_SHOWN:,} more characters", style="dim")
    console.print(marked)


def _mark(text: str, control_tokens: ControlTokens) -> Text:
    marked = Text()
    for piece, is_control in control_tokens.pieces(text):
        if is_control:
            marked.append(f"⟦{piece}⟧", style="bold reverse")
        else:
            marked.append(printable(piece))
    return marked
