"""Faults between the keys of a recipe, each of which is valid by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

from calibset.core.validation_errors import quote_value
from calibset.hygiene.language import known_languages
from calibset.recipe.licences.policy import find_licence_faults
from calibset.recipe.model import Recipe

# Shares are decimal fractions such as 0.333; a sum further off 1 than this is a mistake.
_SHARE_TOLERANCE = Fraction(1, 1000)


def find_mixture_faults(raw: Mapping[str, Any]) -> Iterator[str]:
    """Find faults between groups and sources in a recipe's TOML, which may have other faults."""
    groups, sources, fill = raw.get("groups"), raw.get("sources"), raw.get("fill")
    if not isinstance(groups, dict) or not isinstance(sources, dict):
        return
    fill = fill if isinstance(fill, str) else None
    yield from _find_share_faults(groups)
    if fill in groups:
        yield f"fill: {fill!r} has a share in groups; the fill group takes only what others can't give"
    if fill is None and raw.get("shortage") == "fill":
        yield 'shortage: "fill" needs a fill group; name one with fill = "…"'
    group_by_source = {name: table.get("group") for name, table in sources.items() if isinstance(table, dict)}
    known = list(groups) if fill is None else [*groups, fill]
    for name, group in group_by_source.items():
        if isinstance(group, str) and group not in known:
            yield f"sources.{name}.group: no group {group!r}; groups are {', '.join(known)}"
    for group in groups:
        if group not in group_by_source.values():
            yield f"groups.{group}: no source is in it"
    if fill is not None and fill not in groups and fill not in group_by_source.values():
        yield f"fill: no source is in group {fill!r}"


def _find_share_faults(groups: Mapping[str, Any]) -> Iterator[str]:
    # A share that is no number is a fault of its own, and the sum of the others says nothing.
    if not groups or not all(_is_share(share) for share in groups.values()):
        return
    total = sum((Fraction(repr(share)) for share in groups.values()), Fraction())
    if abs(total - 1) > _SHARE_TOLERANCE:
        yield f"groups: shares must sum to 1, got {float(total):g}"


def _is_share(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1 and isfinite(value)
    )


def find_recipe_faults(recipe: Recipe, source_names: Collection[str]) -> Iterator[str]:
    """Find faults between the tables of a recipe, except between groups and sources.

    Args:
        recipe: The recipe, with those of its sources that are valid by themselves.
        source_names: The names of all sources in its file.
    """
    yield from _find_language_faults(recipe)
    if recipe.decontamination.model_fields_set and not recipe.exclude:
        yield "decontamination: says how [[exclude]] sets are kept out, but there are none"
    yield from _find_selection_faults(recipe, source_names)
    yield from _find_holdout_faults(recipe)
    for name, source in recipe.sources.items():
        if source.scores is None:
            extra = sorted(source.model_fields_set & {"choose", "choose_where"})
            yield from (
                f"sources.{name}.{key}: chooses among scores; name their folder with scores = …"
                for key in extra
            )
    licences = {name: source.licence for name, source in recipe.sources.items()}
    yield from find_licence_faults(recipe.allow_licences, recipe.deny_licences, licences)


def _find_language_faults(recipe: Recipe) -> Iterator[str]:
    languages = {"hygiene": recipe.hygiene.languages}
    languages |= {
        f"sources.{name}.hygiene": source.hygiene.languages for name, source in recipe.sources.items()
    }
    if not any(languages.values()):
        return  # the identifier takes a while to load the first time
    known = known_languages()
    for table, codes in languages.items():
        for code in codes:
            if code not in known:
                yield (
                    f"{table}.languages: unknown language {quote_value(code)}; "
                    "codes are those of ISO 639-1, such as sk and en"
                )


def _find_selection_faults(recipe: Recipe, source_names: Collection[str]) -> Iterator[str]:
    for name in recipe.selection.terms_of:
        if name not in source_names:
            yield f"selection.terms_of: no source {quote_value(name)}; there are {', '.join(source_names)}"
    if recipe.selection.method == "random":
        extra = recipe.selection.model_fields_set - {"method"}
        if any(source.scores for source in recipe.sources.values()):
            extra -= {"letters", "terms_of"}  # which documents are scored by, too
        yield from (f'selection.{key}: is only for method = "coverage"' for key in sorted(extra))


def _find_holdout_faults(recipe: Recipe) -> Iterator[str]:
    if recipe.holdout is None:
        return
    for name in recipe.sources:
        duplicates = recipe.hygiene_of(name).duplicates
        if duplicates != "near":
            yield (
                f'holdout: needs duplicates = "near" for every source, and {name} has '
                f'"{duplicates}": otherwise both files may hold the same text'
            )
    if recipe.holdout.output and Path(recipe.holdout.output) == recipe.file:
        yield f"holdout.output: {recipe.file} is the first file's name"
