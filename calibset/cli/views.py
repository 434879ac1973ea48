"""How results look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from calibset.cli.console import columns, new_console, say
from calibset.core.text import printable

if TYPE_CHECKING:
    from calibset.dataset.manifest import SampleReport
    from calibset.dataset.tokenizer_check import TokenizerReport
    from calibset.quantizers import LoadReport
    from calibset.sources import Source
    from calibset.tokenizers import ControlTokens
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibset.hygiene.stats import RepairCounts
    from calibset.pipeline.check import SourceCheck

_MOST_LOST_ROWS = 20


def replay_summary(replay: LoadReport, file: str) -> None:
    """Print what a quantizer keeps of a file."""
    if replay.fatal:
        say(f"{file}: {replay.quantizer} can't load this file, so it takes no row; mend or delete:")
        for fault in replay.fatal[:_MOST_LOST_ROWS]:
            say(f"{file}: {fault}")
        if len(replay.fatal) > _MOST_LOST_ROWS:
            say(f"{file}: and {len(replay.fatal) - _MOST_LOST_ROWS} faults more; --json names each")
        for warning in replay.warnings:
            say(f"{file}: note: {warning}")
        return
    lines = [f"{file}: row {lost.row} is dropped: {lost.reason}" for lost in replay.lost[:_MOST_LOST_ROWS]]
    if len(replay.lost) > _MOST_LOST_ROWS:
        lines.append(
            f"{file}: and {len(replay.lost) - _MOST_LOST_ROWS} more rows are dropped; --json names each"
        )
    lines += [f"{file}: note: {warning}" for warning in replay.warnings]
    if replay.kept < replay.nsamples:
        lines.append(
            f"{file}: {replay.nsamples - replay.kept} rows too few; the quantizer goes on with fewer"
        )
    cut = sum(row.cut for row in replay.rows if row.kept)
    lines.append(
        f"{replay.quantizer} keeps {replay.kept} of {len(replay.rows)} rows "
        f"(asked for {replay.nsamples} rows of {replay.seqlen} tokens); {cut:,} tokens are cut "
        f"({replay.waste:.2%})"
    )
    for line in lines:
        say(line)


def readback_summary(readback: TokenizerReport, file: str) -> None:
    """Print which rows a tokenizer reads otherwise, and what to do about it."""
    for row in readback.misread[:_MOST_LOST_ROWS]:
        say(
            f"{file}: row {row.row}, token {row.index + 1}: "
            f"{row.found!r} is read where {row.expected!r} stands: {row.reason}"
        )
    if len(readback.misread) > _MOST_LOST_ROWS:
        say(f"{file}: and {len(readback.misread) - _MOST_LOST_ROWS} more rows are misread; --json names each")
    right = readback.rows - len(readback.misread)
    say(f"{readback.backend} reads {right} of {readback.rows} rows as they should be")
    if readback.misread:
        say("give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`")


def replay_data(replay: LoadReport) -> dict[str, Any]:
    """Return a replay as data."""
    from dataclasses import asdict

    return {**asdict(replay), "kept": replay.kept, "passed": replay.passed, "waste": replay.waste}


def row(text: str, *, tokens: int, report: SampleReport | None, control_tokens: ControlTokens) -> None:
    """Print a row: a rule before each document, control tokens in colour and brackets."""
    console = new_console()
    console.print(
        f"{tokens} tokens, {len(text)} characters" + (f", source {report.source}" if report else "")
    )
    position = 0
    for span in report.documents if report else ():
        if between := text[position : span.start].strip():
            console.print(_marked(between, control_tokens))
        kind = "filler, cut" if span.filler else "whole" if span.whole else "part"
        console.rule(Text(f"{printable(span.document)} ({kind})"), style="dim", align="left")
        console.print(_marked(text[span.start : span.end], control_tokens))
        position = span.end
    if position < len(text):
        console.print(_marked(text[position:], control_tokens))


def _marked(text: str, control_tokens: ControlTokens) -> Text:
    marked = Text()
    for piece, is_control in control_tokens.pieces(text):
        if is_control:
            marked.append(f"⟦{piece}⟧", style="bold reverse")
        else:
            marked.append(printable(piece))
    return marked


def adapters_table(adapters: list[tuple[str, str]]) -> None:
    """Print the adapters."""
    table = columns("type", "what it reads")
    for name, summary in adapters:
        table.add_row(name, summary)
    new_console().print(table)
    say("`calibset sources NAME` shows an adapter's keys.")


def adapter_table(adapter: type[Source]) -> None:
    """Print an adapter's keys."""
    table = columns("key", "default", "what it means")
    for name, info in adapter.model_fields.items():
        default = "required" if info.is_required() else repr(info.default)
        table.add_row(name, default, info.description or "")
    console = new_console()
    console.print(adapter.summary)
    console.print(table)


def mended_lines(mended: RepairCounts) -> Iterator[str]:
    """Say what was mended, taken out and masked."""
    if mended.repaired:
        repairs = ", ".join(f"{count:,} {name}" for name, count in mended.repaired.most_common())
        yield f"mended: {repairs}"
    if mended.boilerplate:
        yield f"boilerplate: {mended.boilerplate:,} lines that stand in other documents too were taken out"
    if mended.masked:
        kinds = (f"{count:,} {kind}{'s' * (count > 1)}" for kind, count in mended.masked.most_common())
        yield f"personal data: made-up ones stand in for {', '.join(kinds)}"


def checked_lines(found: Iterable[SourceCheck]) -> Iterator[str]:
    """Say of each source what a build would mend, and what of evaluation sets it holds."""
    for source in found:
        for line in mended_lines(source.tally.mended):
            yield f"{source.name}: {line}"
        for name, count in _shared(source).items():
            yield f"{source.name}: {count:,} hold a part of evaluation set {name}"


def checked_data(source: SourceCheck) -> dict[str, Any]:
    """Return the same as data."""
    mended = source.tally.mended
    counts = {field.name: getattr(mended, field.name) for field in fields(mended)}
    plain = {name: dict(count) if isinstance(count, Counter) else count for name, count in counts.items()}
    return {"mended": plain, "contaminated": dict(_shared(source))}


def _shared(source: SourceCheck) -> Counter[str]:
    matches = source.tally.contaminated
    return Counter(name for match in matches for name in (match.exclude, *match.others))
