"""ATTRIBUTION.md: whose texts stand in a file, under which terms, and what was changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.cards.composition import licences_used, of_recipe
from calibset.cards.licence_facts import PUBLIC_DOMAIN
from calibset.cards.licences import combined, read_licence
from calibset.cards.markdown import escaped, link, place_link
from calibset.cards.obligations import NO_ADVICE, obligation_lines
from calibset.manifest import Manifest, SourceReport

__all__ = ["attribution"]

_SPDX = "https://spdx.org/licenses"


def attribution(manifest: Manifest, *, holdout: Manifest | None = None) -> str:
    """Return the text of an ATTRIBUTION.md: each source that gave a row, its licence, and the changes.

    Args:
        manifest: The calibration file's.
        holdout: That of the holdout, where it is passed on as well.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    used = licences_used(*manifests)
    reports = {source.name: source for one in reversed(manifests) for source in one.sources}
    parts = [
        f"# Sources of {escaped(manifest.name)}",
        "The rows are excerpts of the works below, joined and cut to an exact number of tokens; "
        "conversations are rendered in the target model's chat format. The manifest names the documents of "
        "each row.",
        *(_section(manifest, reports[name]) for name in used),
        "## What the licences ask for together",
        "\n".join(f"- {line}" for line in obligation_lines(combined(used))),
        NO_ADVICE,
    ]
    return "\n\n".join(parts) + "\n"


def _section(manifest: Manifest, source: SourceReport) -> str:
    lines = [
        f"read from: {place_link(source.place, source.revision)}",
        *([f"revision: {escaped(source.revision)}"] if source.revision else []),
        f"licence: {escaped(source.licence)}{_texts(source.licence)}",
        f"used: {source.documents_used:,} documents in {source.achieved:,} rows",
        f"changed: {'; '.join(_changes(manifest, source))}",
    ]
    return "\n".join([f"## {escaped(source.name)}", "", *(f"- {line}" for line in lines)])


def _texts(licence: str) -> str:
    """Return links to the texts of a licence's parts, where SPDX has them."""
    identifiers = sorted(set().union(*read_licence(licence).alternatives))
    known = [one for one in identifiers if not one.startswith("LicenseRef-") and one != PUBLIC_DOMAIN]
    return " (" + ", ".join(link(one, f"{_SPDX}/{one}.html") for one in known) + ")" if known else ""


def _changes(manifest: Manifest, source: SourceReport) -> Iterator[str]:
    yield "excerpted, packed and cut into rows of an exact length"
    if source.repaired:
        yield "characters mended in " + _counted(source.repaired, "documents")
    if source.personal_data:
        yield "made-up data stand for " + _counted(source.personal_data, "pieces of personal data")
    if source.boilerplate_lines:
        yield f"{source.boilerplate_lines:,} lines of boilerplate taken out"
    if source.control_tokens_neutralised:
        yield f"{source.control_tokens_neutralised:,} spelled control tokens broken apart"
    if source.conversations_shortened:
        yield f"{source.conversations_shortened:,} conversations shortened"
    if source.tool_names:
        yield f"names of tools changed in {len(source.tool_names):,} conversations"
    if of_recipe(manifest, "sources", source.name, "placeholders") == "fill":
        yield "placeholders filled with made-up values"


def _counted(counts: Mapping[str, int], what: str) -> str:
    return f"{sum(counts.values()):,} {what} (" + ", ".join(escaped(name) for name in counts) + ")"
