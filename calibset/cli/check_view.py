"""What a check found in the sources, as a table and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from calibset.cli.console import create_table, open_console, print_lines, shorten_location
from calibset.cli.source_lines import conversation_lines, repair_lines, score_lines

if TYPE_CHECKING:
    from calibset.hygiene.stats import RepairCounts
    from calibset.pipeline.check import SourceCheck


def print_checks(checks: Sequence[SourceCheck]) -> None:
    """Print what the sources hold, and what a build would repair in them."""
    table = create_table("source", "location", documents=">", rejected=">", filtered=">")
    for check in checks:
        stats = check.stats
        table.add_row(
            check.name, shorten_location(check.location), f"{stats.documents:,}",
            f"{stats.left_out.rejections.total():,}", f"{stats.left_out.filtered.total():,}",
        )  # fmt: skip
    open_console().print(table)
    if lines := [line for check in checks for line in _left_out_lines(check)]:
        print_lines(("left out:", *lines))
    for check in checks:
        print_lines(f"{check.name}: {line}" for line in _text_lines(check))
    print_lines(f"note: {note}" for note in dict.fromkeys(note for check in checks for note in check.notes))


def check_data(checks: Iterable[SourceCheck]) -> list[dict[str, Any]]:
    """Return what the sources hold as data."""
    return [
        {
            "name": check.name,
            "location": check.location,
            "documents": check.stats.documents,
            "rejections": dict(check.stats.left_out.rejections),
            "filtered": dict(check.stats.left_out.filtered),
            "examples": check.stats.left_out.examples,
            "repairs": _repair_data(check.stats.repairs),
            "contaminated": dict(_count_contaminated(check)),
            "notes": list(check.notes),
            "problem": check.problem,
            "scores": check.scores.model_dump(mode="json") if check.scores else None,
        }
        for check in checks
    ]


def _left_out_lines(check: SourceCheck) -> Iterator[str]:
    """Yield how many records were left out for each reason, and where the first of them is."""
    left_out = check.stats.left_out
    for kind, reasons in (("rejected", left_out.rejections), ("filtered", left_out.filtered)):
        for reason, count in _by_count(reasons):
            yield f"  {check.name}: {count:,} {kind}: {reason} (such as {left_out.examples[reason]})"


def _by_count(reasons: Counter[str]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def _text_lines(check: SourceCheck) -> Iterator[str]:
    repairs = check.stats.repairs
    yield from score_lines(check.scores)
    yield from repair_lines(repairs)
    yield from conversation_lines(repairs.conversations, repairs.dropped_thoughts, check.stats.documents)
    for name, count in _count_contaminated(check).items():
        hold = "documents hold" if count > 1 else "document holds"
        yield f"{count:,} {hold} a part of evaluation set {name}"


def _repair_data(counts: RepairCounts) -> dict[str, Any]:
    values = {field.name: getattr(counts, field.name) for field in fields(counts)}
    return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}


def _count_contaminated(check: SourceCheck) -> Counter[str]:
    """Count the documents that hold a part of an evaluation set, by the set's name."""
    return Counter(name for match in check.stats.contaminated for name in (match.exclude, *match.others))
