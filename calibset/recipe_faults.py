"""What doesn't go together in a recipe of which each key is right."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.recipe import Recipe

__all__ = ["selection_faults"]


def selection_faults(recipe: Recipe) -> Iterator[str]:
    """Say what can't be chosen or held out as the recipe wants it."""
    for name in recipe.selection.terms_of:
        if name not in recipe.sources:
            yield f"selection.terms_of: no source {name!r}; there are {', '.join(recipe.sources)}"
    if recipe.selection.method == "random":
        extra = recipe.selection.model_fields_set - {"method"}
        yield from (f'selection.{key}: is for method = "coverage" alone' for key in sorted(extra))
    if recipe.holdout is not None:
        for name in recipe.sources:
            if recipe.hygiene_of(name).duplicates != "near":
                yield (
                    f'holdout: needs duplicates = "near" of every source, and {name} has '
                    f"{recipe.hygiene_of(name).duplicates!r}: else both files may hold the same text"
                )
