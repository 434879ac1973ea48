"""A recipe as manifests record it: without paths that only one machine has."""

from __future__ import annotations

from typing import Any

from calibset.core.locations import redact_location
from calibset.recipe.model import Recipe


def portable_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as data: absolute paths reduced to their last part, each source's hygiene in full."""
    # How the model is quantized afterwards has no influence on the file.
    data = recipe.model_dump(mode="json", exclude={"quantization"})
    data["tokenizer"] = redact_location(recipe.tokenizer)
    data["output"] = None if recipe.output is None else redact_location(recipe.output)
    if recipe.holdout is not None and recipe.holdout.output is not None:
        data["holdout"]["output"] = redact_location(recipe.holdout.output)
    for name, source in data["sources"].items():
        source["hygiene"] = recipe.hygiene_of(name).model_dump(mode="json")
        if "scores" in source:
            source["scores"] = redact_location(source["scores"])
    for source in (*data["sources"].values(), *data["exclude"].values()):
        source["where"] = [redact_location(location) for location in source["where"]]
        source["fallbacks"] = [list(map(redact_location, where)) for where in source["fallbacks"]]
    return data
