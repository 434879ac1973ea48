"""ATTRIBUTION.md: whose texts stand in a file, under which terms, and what was changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from calibset.dataset.cards.licence_summary import NO_ADVICE, combined, obligation_lines
from calibset.dataset.cards.markdown import escaped, place_link
from calibset.dataset.cards.overwrite import WRITTEN
from calibset.dataset.cards.tables import licence_link, licences_used, recipe_value
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import SourceReport


def attribution(manifest: Manifest, *, holdout: Manifest | None = None) -> str:
    """Return the text of an ATTRIBUTION.md: each source that gave a row, its licence, and the changes.

    Args:
        manifest: The calibration file's.
        holdout: That of the holdout, where it is passed on as well.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    used = licences_used(*manifests)
    parts = [
        f"# Sources of {escaped(manifest.name)}",
        "The rows are excerpts of the works below, joined and cut to an exact number of tokens; "
        "conversations are rendered in the target model's chat format. The manifest names the documents of "
        "each row."
        + (" The counts are of the calibration file and its holdout together." if holdout else ""),
        *(
            _section([source for one in manifests for source in one.sources if source.name == name], manifest)
            for name in used
        ),
        "## What the licences ask for together",
        "\n".join(f"- {line}" for line in obligation_lines(combined(used))),
        f"{WRITTEN} {NO_ADVICE}",
    ]
    return "\n\n".join(parts) + "\n"


def _section(reports: Sequence[SourceReport], manifest: Manifest) -> str:
    """Return what is said of a source, of which each file has a report."""
    source = reports[0]
    documents = sum(one.documents_used for one in reports)  # no two files share one
    lines = [
        f"read from: {place_link(source.location, source.revision)}",
        *([f"revision: {escaped(source.revision)}"] if source.revision else []),
        f"licence: {licence_link(source.licence)}",
        f"used: {documents:,} documents in {sum(one.achieved for one in reports):,} rows",
        f"changed: {'; '.join(_changes(reports, manifest))}",
    ]
    return "\n".join([f"## {escaped(source.name)}", "", *(f"- {line}" for line in lines)])


def _changes(reports: Sequence[SourceReport], manifest: Manifest) -> Iterator[str]:
    # What is mended while a source is read is counted on, so the holdout's count is that of both files.
    last = reports[-1]
    yield "excerpted, packed and cut into rows of an exact length"
    if renamed := sum(len(one.tool_names) for one in reports):
        yield f"names of tools changed in {renamed:,} conversations"
    if recipe_value(manifest, "sources", last.name, "placeholders") == "fill":
        yield "placeholders filled with made-up values"
    if mended := list(_mended(last)):
        yield f"in the {last.documents_read:,} documents that were read to choose from: {', '.join(mended)}"


def _mended(last: SourceReport) -> Iterator[str]:
    if last.repaired:
        yield "characters mended in " + _counted(last.repaired, "documents")
    if last.personal_data:
        yield "made-up data stand for " + _counted(last.personal_data, "pieces of personal data")
    if last.boilerplate_lines:
        yield f"{last.boilerplate_lines:,} lines of boilerplate taken out"
    if last.control_tokens_neutralised:
        yield f"{last.control_tokens_neutralised:,} spelled control tokens broken apart"
    if last.conversations_shortened:
        yield f"{last.conversations_shortened:,} conversations shortened"


def _counted(counts: Mapping[str, int], what: str) -> str:
    return f"{sum(counts.values()):,} {what} (" + ", ".join(escaped(name) for name in counts) + ")"
