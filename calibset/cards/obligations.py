"""What a set's licences ask for together, as a card tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from calibset.cards.licence_facts import Duty
from calibset.cards.licences import Combined
from calibset.cards.markdown import escaped

__all__ = ["NO_ADVICE", "obligation_lines"]

NO_ADVICE = "This was put together from the recipe's licence fields by a program. It is no legal advice."
"""What stands under everything that is said of licences."""

_MEANINGS: Mapping[Duty, str] = {
    Duty.ATTRIBUTION: "name the source and its licence, and say what was changed",
    Duty.NOTICE: "keep the licence's text and its notices with the data",
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
        yield "nothing that the sources' licences ask for is known"


def _listed(sources: tuple[str, ...]) -> str:
    return ", ".join(escaped(source) for source in sources)
