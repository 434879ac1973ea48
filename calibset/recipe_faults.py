"""What doesn't go together in a recipe of which each key is right."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from calibset.cards.permitted import licence_faults
from calibset.faults import shown
from calibset.hygiene.language import LanguageIdentifier
from calibset.recipe import Recipe


def faults_between(recipe: Recipe, named: Collection[str]) -> Iterator[str]:
    """Say which languages nobody knows, what can't be chosen or held out, and whose licence is not let in.

    Args:
        recipe: Those of its sources that are right by themselves.
        named: All sources that its file names.
    """
    yield from _language_faults(recipe)
    if recipe.decontamination.model_fields_set and not recipe.exclude:
        yield "decontamination: says how [[exclude]] sets are kept out, and there are none"
    yield from _selection_faults(recipe, named)
    yield from _holdout_faults(recipe)
    licences = {name: source.licence for name, source in recipe.sources.items()}
    yield from licence_faults(recipe.allow_licences, recipe.deny_licences, licences)


def _language_faults(recipe: Recipe) -> Iterator[str]:
    asked = {"hygiene": recipe.hygiene.languages}
    asked |= {f"sources.{name}.hygiene": source.hygiene.languages for name, source in recipe.sources.items()}
    if not any(asked.values()):
        return  # the identifier takes a second to load
    known = LanguageIdentifier().codes
    for place, codes in asked.items():
        for code in codes:
            if code not in known:
                yield (
                    f"{place}.languages: unknown language {shown(code)}; "
                    "codes are those of ISO 639-1, such as sk and en"
                )


def _selection_faults(recipe: Recipe, named: Collection[str]) -> Iterator[str]:
    for name in recipe.selection.terms_of:
        if name not in named:
            yield f"selection.terms_of: no source {shown(name)}; there are {', '.join(named)}"
    if recipe.selection.method == "random":
        extra = recipe.selection.model_fields_set - {"method"}
        yield from (f'selection.{key}: is for method = "coverage" alone' for key in sorted(extra))


def _holdout_faults(recipe: Recipe) -> Iterator[str]:
    if recipe.holdout is None:
        return
    for name in recipe.sources:
        duplicates = recipe.hygiene_of(name).duplicates
        if duplicates != "near":
            yield (
                f'holdout: needs duplicates = "near" of every source, and {name} has '
                f'"{duplicates}": else both files may hold the same text'
            )
    first = recipe.output or f"{recipe.name}.jsonl"
    if recipe.holdout.output and Path(recipe.holdout.output) == Path(first):
        yield f"holdout.output: {first} is the first file's name"
