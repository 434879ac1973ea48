"""The figures of a pair of models, by domain, by position and while generating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from calibset.evaluation.comparison import (
    DivergenceFigures,
    DomainFigures,
    Estimate,
    GenerationFigures,
    MeanOfRange,
    PerplexityFigures,
)  # fmt: skip
from calibset.evaluation.figures.bootstrap import Array, Codes, Interval, estimate_means
from calibset.evaluation.figures.perplexity import LARGEST_EXPONENT, perplexity
from calibset.evaluation.figures.quantiles import percentile_interval, percentiles, up_to
from calibset.evaluation.positions import Domain, Mask, PairScores, Positions

_SHARES = (0.5, 0.95, 0.99)
_RANGES = 16


def compute_domains(positions: Positions, pair: PairScores) -> Iterator[DomainFigures]:
    """Yield the figures of each domain that has a scored position."""
    for domain, mask in positions.domains():
        if mask.any():
            yield _domain_figures(domain, mask, positions, pair)


def _domain_figures(domain: Domain, mask: Mask, positions: Positions, pair: PairScores) -> DomainFigures:
    documents = positions.documents[mask]
    change, dp_squared = pair.change[mask], pair.probability_change[mask] ** 2
    kld = None if pair.divergence is None else pair.divergence.values[mask]
    same_top = None if pair.same_top is None else pair.same_top[mask].astype(np.float64)
    values = [change, dp_squared]
    if kld is not None and same_top is not None:
        values += [same_top, kld, *(up_to(kld, share) for share in _SHARES)]
    changed, moved, *rest = estimate_means(values, documents, *domain)
    base = perplexity(pair.base.logprobs[mask].astype(np.float64))
    other = perplexity(pair.other.logprobs[mask].astype(np.float64))
    return DomainFigures(
        kind=domain.kind,
        name=domain.name,
        windows=len(np.unique(positions.window[mask])),
        positions=int(mask.sum()),
        documents=len(np.unique(documents)),
        perplexity=PerplexityFigures(
            base=base.value,
            base_error=base.error,
            other=other.value,
            other_error=other.error,
            change=_estimate(*_relative(float(change.mean()), changed)),
        ),
        kld=_divergence_figures(pair, mask, kld, rest[1:]) if kld is not None else None,
        rms_dp=_estimate(
            float(np.sqrt(dp_squared.mean())), moved and Interval(*np.sqrt(np.clip(moved, 0, 1)).tolist())
        ),
        same_top=None if same_top is None else _share(same_top, rest[0]),
    )


def _relative(change: float, interval: Interval | None) -> tuple[float, Interval | None]:
    """Return a change of the logarithm as a relative one, 0.03 for 3 % more."""
    value, *ends = (float(np.expm1(min(one, LARGEST_EXPONENT))) for one in (change, *(interval or ())))
    return value, Interval(*ends) if ends else None


def _divergence_figures(
    pair: PairScores, mask: Mask, kld: Array, intervals: Sequence[Interval | None]
) -> DivergenceFigures:
    mean, *reached = intervals
    assert pair.divergence is not None  # noqa: S101  (the caller looked)
    quantiles = (
        _estimate(value, percentile_interval(kld, share, one))
        for value, share, one in zip(percentiles(kld, _SHARES), _SHARES, reached, strict=True)
    )
    median, p95, p99 = quantiles
    return DivergenceFigures(
        bound=pair.bound,
        covered=float(pair.divergence.covered[mask].mean()),
        mean=_mean(kld, mean),
        median=median,
        p95=p95,
        p99=p99,
    )


def compute_ranges(places: Codes, kld: Array, ranges: int = _RANGES) -> Iterator[MeanOfRange]:
    """Yield the mean divergence at ranges of positions, each as long as the next."""
    if not len(places):
        return
    first, last = int(places.min()), int(places.max())
    width = max(1, -(-(last - first + 1) // ranges))
    for start in range(first, last + 1, width):
        inside = (places >= start) & (places < start + width)
        if inside.any():
            yield MeanOfRange(
                first=start,
                last=min(last, start + width - 1),
                count=int(inside.sum()),
                kld=float(kld[inside].mean()),
            )


def compute_generation(task: str, positions: Positions, pair: PairScores) -> GenerationFigures | None:
    """Return the divergence along what the base wrote; None without likely tokens."""
    if pair.divergence is None or pair.same_top is None or not len(positions.targets):
        return None
    kld, same_top = pair.divergence.values, pair.same_top.astype(np.float64)
    begins = np.array([int(window.scored[0]) if len(window.scored) else 0 for window in positions.windows])
    steps = positions.position - begins[positions.window] + 1
    is_first = steps == 1
    (first,) = estimate_means([kld[is_first]], positions.documents[is_first], "first", task)
    mean, same = estimate_means([kld, same_top], positions.documents, "generation", task)
    return GenerationFigures(
        task=task.removeprefix("generate "),
        windows=int(is_first.sum()),
        bound=pair.bound,
        covered=float(pair.divergence.covered.mean()),
        first=_mean(kld[is_first], first),
        mean=_mean(kld, mean),
        same_top=_share(same_top, same),
        steps=tuple(compute_ranges(steps, kld)),
    )


def _mean(values: Array, interval: Interval | None) -> Estimate:
    """Return the mean of values that can't be negative."""
    return _estimate(float(values.mean()), interval and Interval(max(0.0, interval.low), interval.high))


def _share(values: Array, interval: Interval | None) -> Estimate:
    return _estimate(float(values.mean()), interval and Interval(*np.clip(interval, 0, 1).tolist()))


def _estimate(value: float, interval: Interval | None) -> Estimate:
    if interval is None:
        return Estimate(value=value)
    return Estimate(value=value, low=float(interval.low), high=float(interval.high))
