"""The summary that is printed after a build."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from calibset.cli.console import (
    create_table,
    format_size,
    open_console,
    print_line,
    print_lines,
    shorten_location,
)
from calibset.cli.source_lines import conversation_lines, repair_lines, stream_lines
from calibset.core.short_forms import count

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.dataset.manifest import Manifest
    from calibset.hygiene.stats import RepairCounts
    from calibset.selection.coverage_report import CoverageReport

_MOST_TERMS = 8


def print_summary(built: CalibrationSet, path: Path, holdout_path: Path | None) -> None:
    """Print what a build gave: the verdict and the file, the mixture, the sources, and what else to know.

    Args:
        built: The set.
        path: The file that it was written to.
        holdout_path: That of its holdout, if it has one.
    """
    manifest = built.manifest
    print_line(
        f"{manifest.quantizer} keeps {manifest.kept} of {manifest.nsamples} rows and reads {manifest.seqlen} "
        "tokens of each"
    )
    print_line(f"wrote {path} (sha256 {manifest.sha256[:16]}…) and its manifest")
    if built.holdout is not None:
        holdout = built.holdout.manifest
        print_line(
            f"wrote {holdout_path}: {holdout.nsamples} rows held out (sha256 {holdout.sha256[:16]}…), and "
            "its manifest"
        )
    console = open_console()
    console.print()
    console.print(_group_table(manifest))
    console.print()
    console.print(_source_table(manifest))
    print_lines(_shortage_lines(manifest))
    if built.holdout is not None:
        print_lines(f"holdout: {line}" for line in _shortage_lines(built.holdout.manifest))
    print_lines(stream_lines(manifest.sources))
    print_lines(_left_out_lines(manifest))
    print_lines(_row_lines(manifest))
    print_lines(_hygiene_lines(built))
    if total := sum(built.bytes_read.values()):
        print_line(f"{format_size(total)} of the corpora were read")
    if manifest.selection:
        print_lines(_selection_lines(manifest.selection))
    print_lines(f"note: {note}" for note in built.notes)


def print_next_steps(path: Path, recipe: Sequence[str]) -> None:
    """Print the commands that one may want after a build.

    Args:
        path: The file that was written.
        recipe: The recipe's path and its overrides, as words of a command line.
    """
    words = shlex.join(recipe)
    steps = [f"calibset show {shlex.quote(str(path))} 1", f"calibset report {shlex.quote(str(path))}"]
    steps.append(f"calibset quantize-command {words} --model MODEL --file {shlex.quote(str(path))}")
    print_line("next:")
    for step in steps:
        print_line(f"  {step}", folds=False)


def _group_table(manifest: Manifest) -> Table:
    table = create_table("group", share=">", rows=">", achieved=">")
    for group in manifest.groups:
        table.add_row(
            group.name,
            "fill" if group.share is None else f"{group.share:.1%}",
            _rows(group.achieved, group.asked),
            f"{group.achieved / manifest.nsamples:.1%}",
        )
    return table


def _source_table(manifest: Manifest) -> Table:
    table = create_table("source", "group", "location", rows=">", read=">")
    for source in manifest.sources:
        gives = source.gives or "documents"
        table.add_row(
            source.name,
            source.group,
            shorten_location(source.location),
            _rows(source.achieved, source.asked),
            f"{source.documents_read:,} {gives.removesuffix('s') if source.documents_read == 1 else gives}",
        )
    return table


def _rows(achieved: int, asked: int) -> str:
    return str(achieved) if achieved == asked else f"{achieved} of {asked}"


def _left_out_lines(manifest: Manifest) -> Iterator[str]:
    lines = [
        f"  {source.name}: {count} {kind}: {reason}"
        for source in manifest.sources
        for kind, counts in (("rejected", source.rejections), ("filtered", source.filtered))
        for reason, count in counts.items()
    ]
    if lines:
        yield "left out:"
        yield from lines


def _shortage_lines(manifest: Manifest) -> Iterator[str]:
    """Yield which sources ran short, and where the missing rows came from."""
    others = ", ".join(source.name for source in manifest.sources if source.achieved > source.asked)
    for source in manifest.sources:
        own = source.achieved - source.repeated
        if own < source.asked:
            is_replaced = source.achieved < source.asked
            remedy = (
                f"{others} made up for the rest" if is_replaced else "its rows were repeated for the rest"
            )
            yield f"{source.name} ran short: it gave {own} of {source.asked} rows; {remedy}"


def _row_lines(manifest: Manifest) -> Iterator[str]:
    """Yield what of the rows the quantizer cuts off, and what packing changed."""
    yield f"waste: {manifest.waste:.2%} of the tokens are cut off"
    if manifest.turns:
        yield (
            f"filler: {manifest.filler:.2%} of the tokens read are the beginning of an extra conversation; "
            f"{manifest.complete_turns} of {manifest.turns} assistant turns of conversations in the rows "
            "are read in full"
        )
    if shortened := sum(source.conversations_shortened for source in manifest.sources):
        read = sum(source.documents_read for source in manifest.sources if source.gives == "conversations")
        yield f"long conversations: {shortened} of {read:,} read shortened to fit into a row"
    if neutralised := sum(source.control_tokens_neutralised for source in manifest.sources):
        yield f"control tokens: {neutralised} spellings in the texts read broken apart"


def _hygiene_lines(built: CalibrationSet) -> Iterator[str]:
    """Yield what was repaired, what was kept out, and how long that took."""
    # Both files are read from the same sources, so the one that is built last has the counts of both.
    last = built.manifest if built.holdout is None else built.holdout.manifest
    yield from repair_lines(_sum_repairs(last))
    for source in last.sources:
        lines = conversation_lines(
            source.conversations_repaired, source.thoughts_dropped, source.documents_read
        )
        yield from (f"{source.name}: {line}" for line in lines)
    for evaluation in built.manifest.evaluations:
        details = [
            count(evaluation.documents, "document"),
            f"{evaluation.matched:,} of the documents read hold a part of it",
        ]
        if evaluation.too_short:
            details.append(f"{evaluation.too_short:,} are too short to be looked for on their own")
        if unread := sum(evaluation.rejections.values()):
            details.append(f"{unread:,} of its records could not be read, so they are not excluded")
        yield f"evaluation set {evaluation.name}: {'; '.join(details)}"
    if built.seconds:
        steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in built.seconds.items())
        yield f"hygiene and selection took {sum(built.seconds.values()):.1f} s: {steps}"


def _sum_repairs(manifest: Manifest) -> RepairCounts:
    from calibset.hygiene.stats import RepairCounts

    counts = RepairCounts()
    for source in manifest.sources:
        counts.repaired.update(source.repaired)
        counts.masked.update(source.personal_data)
        counts.boilerplate += source.boilerplate_lines
        counts.leading_bos += source.leading_bos_removed
    return counts


def _selection_lines(report: CoverageReport) -> Iterator[str]:
    """Yield what the chosen rows cover, compared with random choice and with what could be covered."""
    yield (
        f"{report.method}: {report.distinct_tokens:,} different tokens, in rows chosen from {report.pool:,}; "
        f"a random choice has {report.random_mean:,.0f} ± {report.random_sd:,.0f}"
    )
    if report.closed is not None:
        attained = report.closed_of_attainable
        closed = "" if attained is None else f" ({attained:.0%} of the gap from random choice closed)"
        yield (
            f"all candidates have {report.pool_tokens:,} different tokens ({report.closed:.0%} of the gap "
            "from random choice closed), and no choice within the quotas has more than "
            f"{report.attainable:,}{closed}"
        )
    wanted = len(report.terms_met) + len(report.terms_missed)
    if wanted or report.terms_absent:
        yield f"must-cover terms: {len(report.terms_met):,} of the {wanted:,} in candidates are covered"
    for state, terms in (("missing", report.terms_missed), ("in no candidate", report.terms_absent)):
        if terms:
            more = f" and {len(terms) - _MOST_TERMS} more" if len(terms) > _MOST_TERMS else ""
            yield f"must-cover terms {state}: {', '.join(terms[:_MOST_TERMS])}{more}"
