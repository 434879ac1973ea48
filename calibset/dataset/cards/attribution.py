"""ATTRIBUTION.md: the sources of a file's texts, their licences, and the changes made in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.dataset.cards.licence_summary import obligation_lines, summarise_licences, used_licences
from calibset.dataset.cards.markdown import Markdown, counted, escaped
from calibset.dataset.cards.templating import render
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import SourceReport


def attribution(manifest: Manifest, *, holdout: Manifest | None = None) -> str:
    """Return the text of an ATTRIBUTION.md: each source that gave a row, its licence, and the changes.

    Args:
        manifest: The calibration file's manifest.
        holdout: The holdout's manifest, if the holdout is passed on too.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    licences = used_licences(*manifests)
    return render(
        "attribution.md",
        manifest,
        holdout=holdout,
        obligations=obligation_lines(summarise_licences(licences)),
        repairs=_repairs,
        sources=[
            [source for each in manifests for source in each.sources if source.name == name]
            for name in licences
        ],
    )


def _repairs(source: SourceReport) -> Iterator[Markdown]:
    """Yield what was changed in the documents of a source beyond being cut into rows."""
    if repaired := source.repaired:
        documents = counted(sum(repaired.values()), "document")
        yield Markdown(f"characters repaired in {documents}{_kinds(repaired)}")
    if personal := source.personal_data:
        pieces = counted(sum(personal.values()), "piece")
        yield Markdown(f"{pieces} of personal data replaced by made-up data{_kinds(personal)}")
    if lines := source.boilerplate_lines:
        yield Markdown(f"{counted(lines, 'line')} of boilerplate removed")
    if tokens := source.control_tokens_neutralised:
        yield Markdown(f"{counted(tokens, 'spelled control token')} broken apart")
    if count := source.leading_bos_removed:
        yield Markdown(f"{count:,} leading BOS taken off")
    if conversations := source.conversations_shortened:
        yield Markdown(f"{counted(conversations, 'conversation')} shortened")
    if faults := source.conversations_repaired:
        reasons = ", ".join(f"{escaped(reason)} ({number})" for reason, number in faults.items())
        yield Markdown(f"conversations repaired: {reasons}")
    if thoughts := source.thoughts_dropped:
        yield Markdown(f"reasoning left out of {counted(thoughts, 'assistant turn')}")


def _kinds(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(map(escaped, counts))})"
