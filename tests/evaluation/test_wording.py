"""Differences are told with their intervals and what they weigh against the noise of seeds."""

from __future__ import annotations

import pytest

from calibset.evaluation.comparison import Difference, RecipeContrast
from calibset.evaluation.wording import describe_contrast


@pytest.mark.parametrize(
    ("beyond", "verdict"),
    [(True, "more than the noise of seeds"), (False, "not more than the noise of seeds")],
)
def test_both_figures_of_two_recipes_are_told(beyond, verdict) -> None:
    kld = Difference(
        value=-0.05, low=-0.06, high=-0.04, seeds_low=-0.07, seeds_high=-0.03, beyond_seeds=beyond
    )
    ppl = Difference(value=0.02, low=0.01, high=0.03, seeds_low=-0.01, seeds_high=0.05, beyond_seeds=False)
    contrast = RecipeContrast(
        kind="group", domain="bank", one="sk", another="pile", kld=kld, log_perplexity=ppl
    )
    assert describe_contrast(contrast) == (
        "in bank: sk: mean KLD 0.05 below that of pile (documents [-0.06, -0.04], seeds [-0.07, -0.03]), "
        f"{verdict}; PPL 2.02% above it (documents [+1.01%, +3.05%], seeds [-1.00%, +5.13%]), not more than "
        "the noise of seeds"
    )


def test_without_divergences_perplexity_is_told_alone() -> None:
    contrast = RecipeContrast(
        kind="all", domain="all", one="sk", another="pile", kld=None, log_perplexity=Difference(value=-0.02)
    )
    assert describe_contrast(contrast) == (
        "in all: sk: PPL 1.98% below that of pile (no interval), which may be the noise of seeds: a recipe "
        "has one run"
    )
