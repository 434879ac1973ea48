"""The requirements of all the licences of a set's sources together.

These are facts about common licences for a first look, and no legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from calibset.dataset.cards.markdown import Markdown, escaped
from calibset.dataset.manifest import Manifest
from calibset.recipe.licences.policy import read_permitted_licence
from calibset.recipe.licences.spdx import Licence
from calibset.recipe.licences.terms import Duty, hub_licence, terms_of

NO_ADVICE = "A program put this together from the licences that the recipe states. It is not legal advice."
"""The sentence after everything that a card says about licences."""

MIXED = "mixed-see-attribution"
"""The name that a card gives to several licences together."""

_MEANINGS: Mapping[Duty, str] = {
    Duty.ATTRIBUTION: "name the source and its licence, and say what was changed",
    Duty.NOTICE: "keep the licence's text and its copyright lines with the data; they are not in this file, "
    "so take them from the source",
    Duty.SHARE_ALIKE: "pass on works based on it under the same licence",
    Duty.NON_COMMERCIAL: "no commercial use",
    Duty.NO_DERIVATIVES: "no altered work may be passed on",
    Duty.UNKNOWN: "read the source's own terms",
}


class Conflict(NamedTuple):
    """A sentence about the licences of some sources, without any text from the recipe."""

    sources: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSummary:
    """The requirements of all the licences of a set's sources together.

    Attributes:
        licence: The hub's identifier for the whole set: the one that all sources share, or ``other``.
        name: What ``other`` stands for; None for any other licence.
        duties: By duty, the sources that have it, in the order of `Duty`.
        conflicts: Licences that don't go together, for the reader to look at.
    """

    licence: str
    name: str | None
    duties: Mapping[Duty, tuple[str, ...]]
    conflicts: tuple[Conflict, ...]


def used_licences(*manifests: Manifest) -> dict[str, Licence]:
    """Return, by source, the licences of the sources that gave a row to any of a build's files.

    Of alternative licences, only those that the recipe permits are included.
    """
    return {
        source.name: read_permitted_licence(
            source.licence,
            _names(manifest, "allow_licences") or None,
            _names(manifest, "deny_licences"),
        )
        for manifest in manifests
        for source in manifest.sources
        if source.achieved
    }


def _names(manifest: Manifest, key: str) -> list[str]:
    names = manifest.recipe.get(key)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []


def summarise_licences(licences: Mapping[str, Licence]) -> LicenceSummary:
    """Return the requirements of all the licences together.

    Args:
        licences: The licences by source, only of sources that gave a row. The lightest of several
            alternatives is taken.
    """
    duties = {duty: _sources_with(duty, licences) for duty in Duty}
    licence, name = _hub_licence(list(licences.values()))
    return LicenceSummary(
        licence=licence,
        name=name,
        duties={duty: sources for duty, sources in duties.items() if sources},
        conflicts=tuple(_find_conflicts(licences)),
    )


def obligation_lines(summary: LicenceSummary) -> Iterator[Markdown]:
    """Yield a line for each duty and the sources that have it, then for each conflict."""
    for duty, sources in summary.duties.items():
        yield Markdown(f"{duty.value} ({_MEANINGS[duty]}): {_escaped_list(sources)}")
    for conflict in summary.conflicts:
        yield Markdown(f"check: {_escaped_list(conflict.sources)}: {conflict.about}")
    if not summary.duties:
        yield Markdown("the sources' licences require nothing")


def public_notes(summary: LicenceSummary) -> Iterator[str]:
    """Yield a line for each duty to check before a set is made public, with the sources that have it."""
    for duty in (Duty.NON_COMMERCIAL, Duty.NO_DERIVATIVES, Duty.UNKNOWN):
        if sources := summary.duties.get(duty):
            yield f"before this is public: {duty.value} ({_MEANINGS[duty]}): {', '.join(sources)}"


def _hub_licence(licences: list[Licence]) -> tuple[str, str | None]:
    if not licences or not all(licence.alternatives for licence in licences):
        spellings = {licence.spelled.strip().lower() for licence in licences}
        return ("unknown", None) if spellings <= {"unknown"} else ("other", MIXED)
    different = {licence.alternatives for licence in licences}
    if len(different) > 1 or len(next(iter(different))) > 1 or len(licences[0].lightest) > 1:
        return "other", MIXED
    (identifier,) = licences[0].lightest
    known = hub_licence(identifier)
    return (known, None) if known else ("other", identifier.lower())


def _find_conflicts(licences: Mapping[str, Licence]) -> Iterator[Conflict]:
    sharing = _share_alike(licences)
    if _conflict(sharing.values()):
        yield Conflict(
            tuple(sharing),
            f"{_joined(sorted(set().union(*sharing.values())))} each require that works based on theirs are "
            "passed on under their own terms; rows of such sources may be in one file, but a text that "
            "combines several of them would fall under all of these terms",
        )
    non_commercial = _sources_with(Duty.NON_COMMERCIAL, licences)
    if non_commercial and len(non_commercial) < len(licences):
        yield Conflict(
            non_commercial,
            "these forbid commercial use, so the set as a whole may not be used commercially",
        )
    unrestricted = tuple(source for source in sharing if source not in non_commercial)
    if non_commercial and unrestricted:
        yield Conflict(
            (*non_commercial, *unrestricted),
            "some forbid commercial use, and others forbid adding such a restriction to their works",
        )
    if no_derivatives := _sources_with(Duty.NO_DERIVATIVES, licences):
        yield Conflict(
            no_derivatives,
            "these do not allow altered works to be passed on, and rows are excerpts and may be repaired",
        )
    if unknown := _sources_with(Duty.UNKNOWN, licences):
        yield Conflict(unknown, "their terms are not known to calibset; read them before you pass the set on")


def _sources_with(duty: Duty, licences: Mapping[str, Licence]) -> tuple[str, ...]:
    return tuple(source for source, licence in licences.items() if duty in licence.duties)


def _share_alike(licences: Mapping[str, Licence]) -> dict[str, frozenset[str]]:
    """Return the share-alike licences of each source that has any, by source."""
    sharing = {
        source: frozenset(identifier for identifier in licence.lightest if terms_of(identifier).shared_under)
        for source, licence in licences.items()
    }
    return {source: identifiers for source, identifiers in sharing.items() if identifiers}


def _conflict(sharing: Iterable[frozenset[str]]) -> bool:
    """Return whether no licence allows a text combined from several sources to be passed on."""
    permitted_under = {
        frozenset(terms_of(identifier).shared_under for identifier in identifiers) for identifiers in sharing
    }
    # Two licences of one source are not a conflict between sources.
    return len(permitted_under) > 1 and not frozenset.intersection(
        *(licences for source in permitted_under for licences in source)
    )


def _joined(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"


def _escaped_list(sources: tuple[str, ...]) -> str:
    return ", ".join(map(escaped, sources))
