"""What a build gave, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from calibset.cli.console import columns, new_console, place_shown, say
from calibset.cli.plan_view import streams
from calibset.cli.views import mended_lines

if TYPE_CHECKING:
    from calibset.dataset.calibration_set import CalibrationSet
    from calibset.dataset.manifest import Manifest
    from calibset.hygiene.stats import RepairCounts
    from calibset.selection.coverage_report import CoverageReport

_MOST_NAMED = 8


def build_summary(built: CalibrationSet, out: Path, held: Path | None) -> None:
    """Print what a build gave, and what one should know of it.

    Args:
        built: The set.
        out: Where it was written.
        held: Where its holdout was, if it has one.
    """
    manifest = built.manifest
    console = new_console()
    console.print(_sources_table(manifest))
    console.print(_groups_table(manifest))
    dropped = [
        f"  {source.name}: {count} {kind}: {reason}"
        for source in manifest.sources
        for kind, counts in (("rejected", source.rejections), ("filtered", source.filtered))
        for reason, count in counts.items()
    ]
    if dropped:
        console.print("left out:\n" + "\n".join(dropped))
    lines = [
        *_shortages(manifest),
        *streams(manifest.sources),
        *_figures(manifest),
        *_hygiene(built),
        *(_selection(manifest.selection) if manifest.selection else ()),
    ]
    for line in (*lines, *(f"note: {note}" for note in built.notes)):
        say(line)
    say(f"wrote {out} (sha256 {manifest.sha256[:16]}…) and its manifest")
    if built.holdout is not None:
        about = built.holdout.manifest
        for line in _shortages(about):
            say(f"holdout: {line}")
        say(f"wrote {held}: {about.nsamples} rows held out (sha256 {about.sha256[:16]}…), and its manifest")


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
        f"{manifest.kept} of {manifest.nsamples} rows kept by {manifest.quantizer}, "
        f"{manifest.seqlen} tokens read of each"
    )
    yield f"waste: {manifest.waste:.2%} of the tokens are cut"
    if manifest.turns:
        yield (
            f"filler: {manifest.filler:.2%} of what is read is the head of one more conversation; "
            f"{manifest.complete_turns} of {manifest.turns} assistant turns are read to their end"
        )
    if cut := sum(source.conversations_shortened for source in manifest.sources):
        yield f"long conversations: {cut} lost their end, so that a row holds them"
    if disarmed := sum(source.control_tokens_neutralised for source in manifest.sources):
        yield f"control tokens: {disarmed} that texts spell by accident were broken apart"


def _hygiene(built: CalibrationSet) -> Iterator[str]:
    """Say what was mended, what was kept out, and what that took."""
    yield from mended_lines(_mended(built.manifest))
    for one in built.manifest.evaluations:
        unread = sum(one.rejections.values())
        yield (
            f"evaluation set {one.name}: {one.documents:,} documents; {one.matched} read hold a part of it"
            + (f"; {one.too_short:,} are too short to be looked for by themselves" if one.too_short else "")
            + (f"; {unread:,} of its records could not be read, so they are not kept out" if unread else "")
        )
    if built.seconds:
        steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in built.seconds.items())
        yield f"hygiene and selection took {sum(built.seconds.values()):.1f} s: {steps}"


def _mended(manifest: Manifest) -> RepairCounts:
    from calibset.hygiene.stats import RepairCounts

    mended = RepairCounts()
    for source in manifest.sources:
        mended.repaired.update(source.repaired)
        mended.masked.update(source.personal_data)
        mended.boilerplate += source.boilerplate_lines
    return mended


def _selection(report: CoverageReport) -> Iterator[str]:
    """Say what the rows chosen cover, beside random choice and what there is."""
    yield (
        f"{report.method}: {report.distinct_tokens:,} different tokens, chosen from {report.pool:,} rows; "
        f"random choice has {report.random_mean:,.0f} ± {report.random_sd:,.0f}"
    )
    if report.closed is not None:
        yield (
            f"all candidates have {report.pool_tokens:,}, and no choice under the quotas more than "
            f"{report.attainable:,}: {report.closed:.0%} of the gap to the first is closed"
            f"{_to_the_second(report)}"
        )
    asked = len(report.terms_met) + len(report.terms_missed)
    if asked or report.terms_absent:
        yield f"must-cover terms: {len(report.terms_met):,} of the {asked:,} that candidates hold are there"
    for what, terms in (("missing", report.terms_missed), ("in no candidate", report.terms_absent)):
        if terms:
            more = f" and {len(terms) - _MOST_NAMED} more" if len(terms) > _MOST_NAMED else ""
            yield f"must-cover terms {what}: {', '.join(terms[:_MOST_NAMED])}{more}"


def _to_the_second(report: CoverageReport) -> str:
    part = report.closed_of_attainable
    return "" if part is None else f", {part:.0%} of that to the second"


def _sources_table(manifest: Manifest) -> Table:
    table = columns("source", "group", "location", "licence", asked=">", rows=">", tokens=">", read=">")
    for source in manifest.sources:
        table.add_row(
            source.name,
            source.group,
            place_shown(source.location),
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
