"""What is known of each document that was scored, by the names that conditions use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

from calibset.core.errors import RecipeError

Measure = Literal["text", "number"]

MEASURES: Mapping[str, tuple[Measure, str]] = MappingProxyType(
    {
        "id": ("text", "the document's id"),
        "verdict": ("text", "why a build would leave it out; None if it would not"),
        "language": ("text", "the language that it is most likely in; None if it is too short to tell"),
        "language_score": ("number", "how certain that is, from 0 to 1"),
        "quality": ("number", "the part of the filters for prose that it passes, from 0 to 1"),
        "tokens": ("number", "its length in the target's tokens"),
        "words": ("number", "its length in words"),
        "characters": ("number", "its length in characters"),
        "turns": ("number", "the turns of a conversation; 0 for a text"),
        "terms": ("number", "how many of the recipe's terms and letters it holds"),
        "repairs": ("number", "how many kinds of repairs it needed"),
        "personal_data": ("number", "the pieces of personal data in it"),
    }
)
"""The names that a condition may use, whether each is a text or a number, and what it says."""


def require_polars() -> None:
    """Make sure that polars is there, which a lean installation leaves out.

    Raises:
        RecipeError: It isn't.
    """
    if find_spec("polars") is None:
        raise RecipeError("scores need the package polars, which is not installed: pip install polars")


MOST_SAMPLED = 16
"""Of so many tokens of the vocabulary one is looked for, where documents are chosen by what they cover."""
