"""Differences are told with their intervals and what they weigh against the noise of seeds."""

from __future__ import annotations

import pytest

import calibset
from calibset.evaluation.comparison import Difference, Estimate, GenerationFigures, RecipeContrast
from calibset.evaluation.wording import describe_bound, describe_contrast, describe_written_bound
from tests.evaluation.measurements import small_measurement


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
        "has one run, or no two runs differ"
    )


def test_what_the_base_wrote_has_a_share_of_its_own() -> None:
    comparison = calibset.compare(small_measurement(), small_measurement(model="w4"))
    written = tuple(
        GenerationFigures(
            task=f"8:{length}", windows=1, bound="at least", covered=covered, first=Estimate(value=0.1),
            mean=Estimate(value=0.1), same_top=Estimate(value=1), steps=(),
        )
        for length, covered in ((8, 0.9), (16, 0.85))
    )  # fmt: skip
    other = comparison.others[0].model_copy(update={"generation": written})
    comparison = comparison.model_copy(update={"others": (other,)})
    head = "at least (≥): from the 2 likeliest tokens of each model, of which those that both name hold "
    assert describe_written_bound(comparison) == f"{head}85.0% or more of the base's probability"
    share = comparison.others[0].domains[0].kld
    assert share is not None
    assert describe_bound(comparison) == f"{head}{share.covered:.1%} of the base's probability"
