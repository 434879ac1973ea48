"""Whether recipes differ, by their documents and by the noise of their seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from calibset.evaluation.comparison import (
    Difference,
    OtherFigures,
    RecipeContrast,
    RecipeSpreads,
    SeedSpread,
)  # fmt: skip
from calibset.evaluation.figures.bootstrap import Array, Codes, estimate_means
from calibset.evaluation.figures.seeds import difference_interval, spread
from calibset.evaluation.positions import Domain, Mask, PairScores, Positions

Runs = Mapping[str, Sequence[PairScores]]
"""The runs of each recipe, by the recipe's name."""


def compute_spreads(others: Sequence[OtherFigures]) -> Iterator[RecipeSpreads]:
    """Yield, by domain, how the runs of each recipe spread."""
    for index, domain in enumerate(others[0].domains):
        yield RecipeSpreads(
            kind=domain.kind,
            domain=domain.name,
            recipes=tuple(
                _spread(name, [other for other in others if other.name == name], index)
                for name in dict.fromkeys(other.name for other in others)
            ),
        )


def _spread(name: str, runs: Sequence[OtherFigures], index: int) -> SeedSpread:
    domains = [run.domains[index] for run in runs]
    klds = [domain.kld.mean.value for domain in domains if domain.kld]
    change = spread([domain.perplexity.change.value for domain in domains])
    kld = spread(klds) if len(klds) == len(runs) else None
    return SeedSpread(
        name=name,
        runs=len(runs),
        kld=kld and kld.mean,
        kld_deviation=kld and kld.deviation,
        change=change.mean,
        change_deviation=change.deviation,
    )


def compute_contrasts(positions: Positions, runs: Runs) -> Iterator[RecipeContrast]:
    """Yield, by domain, how each pair of recipes differs."""
    for domain, mask in positions.domains():
        if not mask.any():
            continue
        documents = positions.documents[mask]
        for one, another in combinations(runs, 2):
            klds = [_divergences(runs[name], mask) for name in (one, another)]
            changes = [[pair.change[mask] for pair in runs[name]] for name in (one, another)]
            yield RecipeContrast(
                kind=domain.kind,
                domain=domain.name,
                one=one,
                another=another,
                kld=_difference(klds[0], klds[1], documents, domain) if klds[0] and klds[1] else None,
                log_perplexity=_difference(changes[0], changes[1], documents, domain),
            )


def _divergences(pairs: Sequence[PairScores], mask: Mask) -> list[Array]:
    known = [pair.divergence.values[mask] for pair in pairs if pair.divergence]
    return known if len(known) == len(pairs) else []


def _difference(
    one: Sequence[Array], another: Sequence[Array], documents: Codes, domain: Domain
) -> Difference:
    """Return how much higher the mean of the first recipe's values is than the second's."""
    differences = np.mean(one, axis=0) - np.mean(another, axis=0)
    (over_documents,) = estimate_means([differences], documents, *domain)
    over_seeds = difference_interval(
        [float(values.mean()) for values in one], [float(values.mean()) for values in another]
    )
    return Difference(
        value=float(differences.mean()),
        low=over_documents and over_documents.low,
        high=over_documents and over_documents.high,
        seeds_low=over_seeds and over_seeds.low,
        seeds_high=over_seeds and over_seeds.high,
        beyond_seeds=None if over_seeds is None else not over_seeds.low <= 0 <= over_seeds.high,
    )
