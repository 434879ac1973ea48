"""ATTRIBUTION.md: whose texts are in a file, under which terms, and what was changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.dataset.cards.licence_summary import combined, obligation_lines, used_licences
from calibset.dataset.cards.markdown import Markdown, escaped
from calibset.dataset.cards.templating import render
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import SourceReport


def attribution(manifest: Manifest, *, holdout: Manifest | None = None) -> str:
    """Return the text of an ATTRIBUTION.md: each source that gave a row, its licence, and the changes.

    Args:
        manifest: The calibration file's.
        holdout: That of the holdout, where it is passed on as well.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    licences = used_licences(*manifests)
    return render(
        "attribution.md",
        manifest,
        holdout=holdout,
        obligations=obligation_lines(combined(licences)),
        repairs=_repairs,
        sources=[
            [source for each in manifests for source in each.sources if source.name == name]
            for name in licences
        ],
    )


def _repairs(source: SourceReport) -> Iterator[Markdown]:
    if source.repaired:
        yield _counted("characters mended in", source.repaired, "documents")
    if source.personal_data:
        yield _counted("made-up data stand for", source.personal_data, "pieces of personal data")
    if source.boilerplate_lines:
        yield Markdown(f"{source.boilerplate_lines:,} lines of boilerplate taken out")
    if source.control_tokens_neutralised:
        yield Markdown(f"{source.control_tokens_neutralised:,} spelled control tokens broken apart")
    if source.conversations_shortened:
        yield Markdown(f"{source.conversations_shortened:,} conversations shortened")


def _counted(title: str, counts: Mapping[str, int], what: str) -> Markdown:
    names = ", ".join(escaped(name) for name in counts)
    return Markdown(f"{title} {sum(counts.values()):,} {what} ({names})")
