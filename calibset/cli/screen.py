"""How results look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from calibset.cli.console import columns, new_console, place_shown, printable, say
from calibset.cli.previews import streams

if TYPE_CHECKING:
    from calibset.backends import Readback
    from calibset.consumers import Replay
    from calibset.manifest import Manifest, SampleReport
    from calibset.sources import Source
    from calibset.tokenizers import ControlTokens

__all__ = [
    "adapter_table",
    "adapters_table",
    "build_summary",
    "readback_summary",
    "replay_data",
    "replay_summary",
    "row",
]

_MOST_LOST_ROWS = 20


def build_summary(manifest: Manifest, out: Path, notes: tuple[str, ...] = ()) -> None:
    """Print what a build gave, and what one should know of it."""
    console = new_console()
    console.print(_sources_table(manifest))
    console.print(_groups_table(manifest))
    dropped = [
        f"  {source.name}: {count} {kind}: {reason}"
        for source in manifest.sources
        for kind, counts in (("rejected", source.rejections), ("set aside", source.set_aside))
        for reason, count in counts.items()
    ]
    if dropped:
        console.print("left out of what was read:\n" + "\n".join(dropped))
    console.print(
        "\n".join([*_shortages(manifest), *streams(manifest.sources), *_figures(manifest)]), soft_wrap=True
    )
    for note in notes:
        say(f"note: {note}")
    console.print(f"wrote {out} (sha256 {manifest.sha256[:16]}…) and its manifest", soft_wrap=True)


def _shortages(manifest: Manifest) -> Iterator[str]:
    """Say in words which sources ran short, and what stands in for them."""
    others = [s for s in manifest.sources if s.achieved > s.asked]
    for source in manifest.sources:
        own = source.achieved - source.repeated
        if own < source.asked:
            instead = f"{source.repeated} of its rows are repeats" if source.repeated else ""
            if source.achieved < source.asked:
                instead = f"{', '.join(other.name for other in others)} stands in"
            yield f"{source.name} ran short: {own} of {source.asked} rows; {instead}"


def _figures(manifest: Manifest) -> Iterator[str]:
    yield (
        f"{manifest.kept} of {manifest.nsamples} rows kept by {manifest.consumer}, "
        f"{manifest.seqlen} tokens read of each"
    )
    yield f"waste: {manifest.waste:.2%} of the tokens stand beyond seqlen and are cut"
    if manifest.turns:
        yield (
            f"filler: {manifest.filler:.2%} of what is read is the head of one more conversation; "
            f"{manifest.complete_turns} of {manifest.turns} assistant turns are read to their end"
        )
    if cut := sum(source.conversations_shortened for source in manifest.sources):
        yield f"long conversations: {cut} lost their last exchanges, so that a row holds them"
    if disarmed := sum(source.control_tokens_neutralised for source in manifest.sources):
        yield f"control tokens: {disarmed} that texts spell by accident were broken apart"


def _sources_table(manifest: Manifest) -> Table:
    table = columns("source", "group", "place", "licence", asked=">", rows=">", tokens=">", read=">")
    for source in manifest.sources:
        table.add_row(
            source.name,
            source.group,
            place_shown(source.place),
            source.licence,
            str(source.asked),
            str(source.achieved),
            f"{source.tokens_read:,}",
            f"{source.documents_read:,}",
        )
    return table


def _groups_table(manifest: Manifest) -> Table:
    table = columns("group", share=">", asked=">", rows=">", achieved=">")
    for group in manifest.groups:
        table.add_row(
            group.name,
            "fill" if group.share is None else f"{group.share:.1%}",
            str(group.asked),
            str(group.achieved),
            f"{group.achieved / manifest.nsamples:.1%}",
        )
    return table


def replay_summary(replay: Replay, file: str) -> None:
    """Print what a quantizer keeps of a file."""
    if replay.fatal:
        say(f"{file}: {replay.consumer} can't load this file, so it takes no row; mend or delete:")
        for fault in replay.fatal[:_MOST_LOST_ROWS]:
            say(f"{file}: {fault}")
        if len(replay.fatal) > _MOST_LOST_ROWS:
            say(f"{file}: and {len(replay.fatal) - _MOST_LOST_ROWS} faults more; --json names each")
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
        f"{replay.consumer} keeps {replay.kept} of {len(replay.rows)} rows "
        f"(asked for {replay.nsamples} of {replay.seqlen} tokens); "
        f"{cut:,} tokens are cut, {replay.waste:.2%} stand beyond seqlen"
    )
    for line in lines:
        say(line)


def readback_summary(readback: Readback, file: str) -> None:
    """Print which rows a tokenizer reads otherwise, and what to do about it."""
    for row in readback.misread[:_MOST_LOST_ROWS]:
        say(
            f"{file}: row {row.row}, token {row.place + 1}: "
            f"{row.found!r} is read where {row.expected!r} stands: {row.reason}"
        )
    if len(readback.misread) > _MOST_LOST_ROWS:
        say(f"{file}: and {len(readback.misread) - _MOST_LOST_ROWS} more rows are misread; --json names each")
    right = readback.rows - len(readback.misread)
    say(f"{readback.backend} reads {right} of {readback.rows} rows as they should be")
    if readback.misread:
        say("give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`")


def replay_data(replay: Replay) -> dict[str, Any]:
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
