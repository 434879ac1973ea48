"""What a comparison found in words, the same on a screen, a page and a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import expm1

from calibset.evaluation.comparison import Bound, Comparison, Difference, RecipeContrast, domain_name
from calibset.evaluation.figures.perplexity import LARGEST_EXPONENT


def bound_sign(bound: Bound) -> str:
    """Return what stands before a divergence: ``≥`` if it is a lower bound."""
    return "≥" if bound == "at least" else ""


def describe_data(comparison: Comparison) -> Iterator[str]:
    """Yield what was measured, and on what."""
    data = comparison.data
    size = f"{data.ctx:,} tokens" if data.ctx else "a row each"
    yield (
        f"data: {data.name} ({data.joined}): {_counted(data.windows, 'window')} of {size}, "
        f"{_counted(data.positions, 'token')} scored ({data.score}) of {_counted(data.documents, 'document')}"
    )
    for model in (comparison.base, *(other.model for other in comparison.others)):
        facts = [model.engine, model.dtype, model.device]
        role = "base" if model is comparison.base else "other"
        yield f"{role}: {model.label} ({model.target}; {', '.join(fact for fact in facts if fact)})"


def describe_bound(comparison: Comparison) -> str:
    """Return whether divergences are exact, and what they rest on otherwise."""
    covered = [kld.covered for other in comparison.others if (kld := other.domains[0].kld)]
    return _describe_covered(comparison.k, covered)


def describe_written_bound(comparison: Comparison) -> str:
    """Return the same of the divergences along what the base wrote."""
    covered = [figures.covered for other in comparison.others for figures in other.generation]
    return _describe_covered(comparison.k, covered)


def _describe_covered(k: int | None, covered: Sequence[float]) -> str:
    if k is None or not covered:
        return "over the whole vocabulary"
    share = f"{min(covered):.1%}" + " or more" * (min(covered) < max(covered))
    return (
        f"at least (≥): from the {k} likeliest tokens of each model, of which those that both name hold "
        f"{share} of the base's probability"
    )


def describe_contrast(contrast: RecipeContrast) -> str:
    """Return in a sentence how two recipes differ in a domain."""
    domain = f"in {domain_name(contrast.kind, contrast.domain)}"
    parts = []
    if kld := contrast.kld:
        parts.append(
            f"mean KLD {abs(kld.value):.3g} {_side(kld)} that of {contrast.another} "
            f"({_intervals(kld, '+.3g')}), {_verdict(kld)}"
        )
    ppl = _as_relative(contrast.log_perplexity)
    parts.append(
        f"PPL {abs(ppl.value):.2%} {_side(ppl)} {'it' if kld else f'that of {contrast.another}'} "
        f"({_intervals(ppl, '+.2%')}), {_verdict(ppl)}"
    )
    return f"{domain}: {contrast.one}: {'; '.join(parts)}"


def _side(difference: Difference) -> str:
    return "below" if difference.value < 0 else "above"


def _as_relative(log_difference: Difference) -> Difference:
    """Return a difference of logarithms as a relative one."""
    ends = ("value", "low", "high", "seeds_low", "seeds_high")
    values = {name: getattr(log_difference, name) for name in ends}
    return log_difference.model_copy(
        update={
            name: None if value is None else expm1(min(value, LARGEST_EXPONENT))
            for name, value in values.items()
        }
    )


def _intervals(difference: Difference, form: str) -> str:
    parts = [
        f"{name} [{low:{form}}, {high:{form}}]"
        for name, low, high in (
            ("documents", difference.low, difference.high),
            ("seeds", difference.seeds_low, difference.seeds_high),
        )
        if low is not None and high is not None
    ]
    return ", ".join(parts) or "no interval"


def _verdict(difference: Difference) -> str:
    if difference.beyond_seeds is None:
        return "which may be the noise of seeds: a recipe has one run, or no two runs differ"
    if difference.beyond_seeds:
        return "more than the noise of seeds"
    return "not more than the noise of seeds"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
