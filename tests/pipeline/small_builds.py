"""Builds of the small recipe, changed by overrides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from calibset.dataset.calibration_set import CalibrationSet
from calibset.recipe.loader import load_recipe
from calibset.recipe.model import Recipe
from tests.small import write_small


def small(tmp_path: Path, *overrides: str, **documents: int) -> Recipe:
    return load_recipe(write_small(tmp_path, documents), overrides=overrides)


def rows_of(built: CalibrationSet) -> dict[str, int]:
    return dict(Counter(sample.source for sample in built))


class Heard:
    """Notes what a build says of its progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int | None]] = []

    def __call__(self, source: str, done: int, asked: int | None) -> None:
        self.calls.append((source, done, asked))
