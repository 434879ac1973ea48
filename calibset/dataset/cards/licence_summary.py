"""What the licences of a set's sources ask for together.

These are facts of common licences for a first look, and no legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from calibset.dataset.cards.markdown import Markdown, escaped
from calibset.dataset.manifest import Manifest
from calibset.recipe.licences.policy import permitted
from calibset.recipe.licences.spdx import Licence
from calibset.recipe.licences.terms import Duty, hub_licence, terms_of

MIXED = "mixed-see-attribution"
"""The name that a card gives to several licences together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What should be said of licences that stand side by side.

    Attributes:
        sources: Whose licences they are.
        about: A sentence; it holds no text of the recipe's.
    """

    sources: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """What the licences of a set's sources ask for together.

    Attributes:
        licence: The hub's identifier for the whole: that of all sources, or ``other``.
        name: What ``other`` stands for, else None.
        duties: By duty, the sources that have it; in the order of `Duty`.
        conflicts: What should be said of them.
    """

    licence: str
    name: str | None
    duties: Mapping[Duty, tuple[str, ...]]
    conflicts: tuple[Conflict, ...]


def used_licences(*manifests: Manifest) -> dict[str, Licence]:
    """Return the licences of the sources that gave a row to any of several files of one build, by source.

    Of alternatives there are those that the recipe allows.
    """
    return {
        source.name: permitted(
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


def combined(licences: Mapping[str, Licence]) -> Combined:
    """Say what the licences of sources ask for together.

    Args:
        licences: By source; of those only that gave a row. Of alternatives the lightest is taken.
    """
    duties = {
        duty: tuple(source for source, licence in licences.items() if duty in licence.duties) for duty in Duty
    }
    licence, name = _for_the_hub(list(licences.values()))
    return Combined(
        licence=licence,
        name=name,
        duties={duty: sources for duty, sources in duties.items() if sources},
        conflicts=tuple(_conflicts(licences)),
    )


def _for_the_hub(licences: list[Licence]) -> tuple[str, str | None]:
    if not licences or not all(licence.alternatives for licence in licences):
        alone = {licence.spelled.strip().lower() for licence in licences}
        return ("unknown", None) if alone <= {"unknown"} else ("other", MIXED)
    different = {licence.alternatives for licence in licences}
    if len(different) > 1 or len(next(iter(different))) > 1 or len(licences[0].taken) > 1:
        return "other", MIXED
    (identifier,) = licences[0].taken
    found = hub_licence(identifier)
    return (found, None) if found else ("other", identifier.lower())


def _conflicts(licences: Mapping[str, Licence]) -> Iterator[Conflict]:
    sharing = _sharing(licences)
    if _are_apart(sharing):
        yield Conflict(
            sources=tuple(sharing),
            about=f"{_listed(sorted(set().union(*sharing.values())))} each want what is made of their works "
            "passed on under their own terms; rows of such sources may stand side by side, but a text made "
            "of several would fall under all of these",
        )
    limited = _having(licences, Duty.NON_COMMERCIAL)
    if limited and len(limited) < len(licences):
        yield Conflict(
            sources=limited, about="these forbid commercial use, so the set as a whole has to do without it"
        )
    if limited and (free := tuple(source for source in sharing if source not in limited)):
        yield Conflict(
            sources=(*limited, *free),
            about="some forbid commercial use, and others forbid that such a limit is put on their works",
        )
    if unaltered := _having(licences, Duty.NO_DERIVATIVES):
        yield Conflict(
            sources=unaltered,
            about="these let no altered work be passed on, and the rows are excerpts that may be mended",
        )
    if unknown := _having(licences, Duty.UNKNOWN):
        yield Conflict(
            sources=unknown,
            about="what these ask for is not known here; read their terms before you pass the set on",
        )


def _having(licences: Mapping[str, Licence], duty: Duty) -> tuple[str, ...]:
    return tuple(source for source, licence in licences.items() if duty in licence.duties)


def _sharing(licences: Mapping[str, Licence]) -> dict[str, frozenset[str]]:
    """Return, by source, its licences that ask for share-alike; only of sources with one."""
    found = {
        source: frozenset(one for one in licence.taken if terms_of(one).shared_under)
        for source, licence in licences.items()
    }
    return {source: identifiers for source, identifiers in found.items() if identifiers}


def _are_apart(sharing: Mapping[str, frozenset[str]]) -> bool:
    """Return whether no licence is there that a text made of several sources may be passed on under."""
    asked = {frozenset(terms_of(one).shared_under for one in identifiers) for identifiers in sharing.values()}
    # A source that is under two licences by itself is no conflict of sources.
    return len(asked) > 1 and not frozenset.intersection(*(under for one in asked for under in one))


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"


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


def obligation_lines(found: Combined) -> Iterator[Markdown]:
    """Yield a line for each duty and the sources that have it, then for each conflict."""
    for duty, sources in found.duties.items():
        yield Markdown(f"{duty.value} ({_MEANINGS[duty]}): {_escaped_list(sources)}")
    for conflict in found.conflicts:
        yield Markdown(f"to look at: {_escaped_list(conflict.sources)}: {conflict.about}")
    if not found.duties:
        yield Markdown("the sources' licences ask for nothing")


def public_notes(found: Combined) -> Iterator[str]:
    """Yield a line for each duty that whoever makes a set public should look at, and the sources with it."""
    for duty in (Duty.NON_COMMERCIAL, Duty.NO_DERIVATIVES, Duty.UNKNOWN):
        if sources := found.duties.get(duty):
            yield f"before this is public: {duty.value} ({_MEANINGS[duty]}): {', '.join(sources)}"


def _escaped_list(sources: tuple[str, ...]) -> str:
    return ", ".join(escaped(source) for source in sources)
