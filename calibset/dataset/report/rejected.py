"""What did not come into a file, and why, in the order in which a report tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from calibset.dataset.manifest import Manifest
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate

_TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why how many of a source's records were left out.

    Attributes:
        source: Its name.
        kind: ``rejections`` (could not be read) or ``set_aside`` (left out on purpose).
        reason: A short phrase.
        count: Records.
    """

    source: str
    kind: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPlace:
    """A document that was kept for others that repeat it.

    Attributes:
        source: Where it comes from.
        document: Its id.
        repeats: How many were left out for it.
        least_similarity: Of the least similar of them.
    """

    source: str
    document: str
    repeats: int
    least_similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A source's duplicates and contaminated documents, as many as a page shows.

    Attributes:
        duplicates: How many there are.
        same_words: Those whose words are all those of the one that was kept.
        first_duplicates: As many as are shown.
        contaminated: How many there are.
        first_contaminated: As many as are shown.
    """

    duplicates: int
    same_words: int
    first_duplicates: tuple[Duplicate, ...]
    contaminated: int
    first_contaminated: tuple[Contamination, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What did not come into a file.

    Attributes:
        reasons: Source by source, in the manifest's order.
        rejected: Records that could not be read or hold nothing.
        set_aside: Records left out on purpose.
        sought: Whether duplicates were looked for.
        most_repeated: Documents kept for the most others, up to ten.
        by_source: Duplicates and contamination.
    """

    reasons: tuple[Reason, ...]
    rejected: int
    filtered: int
    sought: bool
    most_repeated: tuple[CachedPlace, ...]
    by_source: Mapping[str, Shown]

    def by_name(self) -> tuple[tuple[str, tuple[Reason, ...]], ...]:
        """Return the reasons by source, in the manifest's order."""
        return tuple((name, tuple(found)) for name, found in groupby(self.reasons, lambda one: one.source))

    @property
    def duplicates(self) -> int:
        """How many documents repeat one before them."""
        return sum(shown.duplicates for shown in self.by_source.values())

    @property
    def contaminated(self) -> int:
        """How many documents hold a part of an evaluation set."""
        return sum(shown.contaminated for shown in self.by_source.values())


def left_out(manifest: Manifest, listed: int) -> LeftOut:
    """Return what a manifest says was left out.

    Args:
        manifest: The record of a build.
        listed: Duplicates, and contaminated documents, of a source that are named.
    """
    hygiene = manifest.recipe.get("hygiene")
    return LeftOut(
        reasons=tuple(_reasons(manifest)),
        rejected=sum(sum(source.rejections.values()) for source in manifest.sources),
        filtered=sum(sum(source.filtered.values()) for source in manifest.sources),
        sought=not (isinstance(hygiene, Mapping) and hygiene.get("duplicates") == "keep"),
        most_repeated=_most_repeated(manifest),
        by_source={
            source.name: Shown(
                duplicates=len(source.duplicates),
                same_words=sum(one.exact for one in source.duplicates),
                first_duplicates=source.duplicates[:listed],
                contaminated=len(source.contaminated),
                first_contaminated=_worst_first(source.contaminated)[:listed],
            )
            for source in manifest.sources
        },
    )


def _reasons(manifest: Manifest) -> Iterator[Reason]:
    for source in manifest.sources:
        for kind, counts in (("rejections", source.rejections), ("filtered", source.filtered)):
            for reason, count in counts.items():
                yield Reason(source=source.name, kind=kind, reason=reason, count=count)


def _most_repeated(manifest: Manifest) -> tuple[CachedPlace, ...]:
    repeats: dict[tuple[str, str], list[float]] = {}
    for source in manifest.sources:
        for one in source.duplicates:
            repeats.setdefault((one.source, one.kept), []).append(one.similarity)
    ordered = sorted(repeats.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        CachedPlace(source=source, document=document, repeats=len(found), least_similarity=min(found))
        for (source, document), found in ordered[:_TOP]
    )


def _worst_first(found: tuple[Contamination, ...]) -> tuple[Contamination, ...]:
    return tuple(sorted(found, key=lambda one: (-one.containment, -one.words, one.document)))
