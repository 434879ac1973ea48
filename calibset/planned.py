"""What a build would do, and what the sources of one hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibset.recipe import Recipe
from calibset.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """What a build would ask of a source, and where it would read it.

    Attributes:
        name: Its name in the recipe.
        group: Its group.
        type: Its adapter.
        quota: Samples asked for, before anything runs short.
        place: The place that is there, as the recipe spells it.
        revision: The commit, of a hub repository.
        files: How many files would be read from.
        size: Their size in bytes, where the place tells.
        licence: As the recipe states it.
        from_beginning: Whether something of it can only be read from its beginning, as a stream.
        problem: Why it can't be read, if so.
    """

    name: str
    group: str
    type: str
    quota: int
    place: str
    revision: str | None
    files: int
    size: int | None
    licence: str
    from_beginning: bool
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do.

    Attributes:
        recipe: The recipe, overrides applied.
        groups: Each group's quota of samples.
        sources: What would be asked of each source.
        evaluations: The evaluation sets that would be kept out.
    """

    recipe: Recipe
    groups: Mapping[str, int]
    sources: tuple[PlannedSource, ...]
    evaluations: tuple[PlannedSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """What a source holds, read to its end.

    Attributes:
        name: Its name in the recipe.
        place: The place it was read at.
        tally: Counts of documents, rejections and what was set aside.
        problem: Why it could not be read to its end, if so.
    """

    name: str
    place: str
    tally: Tally
    problem: str | None
