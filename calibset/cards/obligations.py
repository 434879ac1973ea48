"""What a set's licences ask for together, as a card tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.cards.combining import Combined
from calibset.cards.licence_facts import Duty
from calibset.cards.markdown import escaped

NO_ADVICE = "This was put together from the recipe's licence fields by a program. It is no legal advice."
"""What stands under everything that is said of licences."""

_MEANINGS: Mapping[Duty, str] = {
    Duty.ATTRIBUTION: "name the source and its licence, and say what was changed",
    Duty.NOTICE: "keep the licence's text and its copyright lines with the data; they are not in this file, "
    "so take them from the source",
    Duty.SHARE_ALIKE: "pass on what is made of it under the same licence",
    Duty.NON_COMMERCIAL: "no commercial use",
    Duty.NO_DERIVATIVES: "no altered work may be passed on",
    Duty.UNKNOWN: "read the source's own terms",
}


def obligation_lines(found: Combined) -> Iterator[str]:
    """Yield a line of Markdown for each duty and the sources that have it, then for each conflict."""
    for duty, sources in found.duties.items():
        yield f"{duty.value} ({_MEANINGS[duty]}): {_listed(sources)}"
    for conflict in found.conflicts:
        yield f"to look at: {_listed(conflict.sources)}: {conflict.about}"
    if not found.duties:
        yield "the sources' licences ask for nothing"


def public_notes(found: Combined) -> Iterator[str]:
    """Yield a line for each duty that whoever makes a set public should look at, and the sources with it."""
    for duty in (Duty.NON_COMMERCIAL, Duty.NO_DERIVATIVES, Duty.UNKNOWN):
        if sources := found.duties.get(duty):
            yield f"before this is public: {duty.value} ({_MEANINGS[duty]}): {', '.join(sources)}"


def _listed(sources: tuple[str, ...]) -> str:
    return ", ".join(escaped(source) for source in sources)
