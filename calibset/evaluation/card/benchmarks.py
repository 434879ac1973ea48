"""The benchmark sections of a model's card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from calibset.dataset.cards.markdown import Markdown, escaped
from calibset.dataset.cards.templating import environment
from calibset.evaluation.card.load_results import LoadResult, read_load_results
from calibset.evaluation.comparison import Comparison, Estimate, MeasuredModel, domain_label
from calibset.evaluation.wording import bound_sign

_PACKAGE = "calibset.evaluation.card"


def benchmark_sections(evaluations: Sequence[Path], throughput: Sequence[Path]) -> str:
    """Return the benchmark sections of a model's README, from measured files alone.

    What was not measured is left out, and said.

    Args:
        evaluations: Files that ``calibset compare --json`` wrote.
        throughput: Files that ``vllm bench serve --save-result`` wrote.

    Raises:
        OutputError: A file can't be read, or is another's.
    """
    comparisons = [Comparison.read(path) for path in evaluations]
    loads = read_load_results(throughput)
    return (
        environment(_PACKAGE)
        .get_template("benchmarks.md")
        .render(
            comparisons=comparisons,
            loads=loads,
            load_models=list(dict.fromkeys(load.model_id for load in loads)),
            missing=list(_find_missing(comparisons, loads)),
            caveats=list(_caveats(comparisons)),
            sign=lambda comparison: bound_sign("exact" if comparison.k is None else "at least"),
            domain=domain_label,
            figure=_figure,
            number=_number,
            model=_describe_model,
            named=_name_model,
            limit=_limit,
            seconds=_seconds,
            milliseconds=lambda value: Markdown("—" if value is None else f"{value:,.0f} ms"),
            success=lambda load: Markdown(f"{load.completed / load.num_prompts:.1%}"),
            several=any(len(comparison.others) > 1 for comparison in comparisons),
        )
    )


def _figure(estimate: Estimate, form: str, sign: str = "") -> Markdown:
    """Return a figure and its interval."""
    value = f"{sign}{estimate.value:{form}}"
    if estimate.low is None or estimate.high is None:
        return Markdown(value)
    return Markdown(f"{value} ({estimate.low:{form}} to {estimate.high:{form}})")


def _number(value: float, form: str, sign: str = "") -> Markdown:
    return Markdown(f"{sign}{value:{form}}")


def _limit(load: LoadResult) -> Markdown:
    return Markdown("no limit" if load.max_concurrency is None else f"{load.max_concurrency:,}")


def _seconds(load: LoadResult) -> Markdown:
    """Return the shortest, mean and longest time of a request, as far as the file has them."""
    mean = None if load.mean_e2el_ms is None else load.mean_e2el_ms / 1000
    if load.latency_range is None:
        return Markdown("—" if mean is None else f"— / {mean:.2f} s / —")
    shortest, longest = load.latency_range
    mean = sum(load.latencies) / len(load.latencies) if mean is None else mean
    return Markdown(f"{shortest:.2f} s / {mean:.2f} s / {longest:.2f} s")


def _name_model(model: MeasuredModel) -> Markdown:
    """Return what a model is called in a comparison, and which it is if that does not say it."""
    name = PurePosixPath(model.model).name
    return (
        escaped(model.label) if model.label == name else Markdown(f"{escaped(model.label)} ({escaped(name)})")
    )


def _describe_model(model: MeasuredModel) -> Markdown:
    versions = ", ".join(f"{name} {number}" for name, number in model.versions.items())
    facts = [model.engine, versions, model.dtype, model.device]
    return Markdown(f"{escaped(model.model)} ({escaped('; '.join(fact for fact in facts if fact))})")


def _find_missing(comparisons: Sequence[Comparison], loads: Sequence[LoadResult]) -> Iterator[str]:
    """Yield what a card of the kind has, and these files have not."""
    others = [other for comparison in comparisons for other in comparison.others]
    has: list[tuple[str, Callable[[], bool]]] = [
        ("perplexity", lambda: bool(others)),
        ("KL divergence", lambda: any(domain.kld for other in others for domain in other.domains)),
        ("divergence while generating", lambda: any(other.generation for other in others)),
        ("tool calls", lambda: any(other.calls for other in others)),
        ("throughput", lambda: bool(loads)),
    ]
    yield from (name for name, is_there in has if not is_there())


def _caveats(comparisons: Sequence[Comparison]) -> Iterator[Markdown]:
    for comparison in comparisons:
        data = comparison.data
        if data.dropped:
            reasons = ", ".join(f"{escaped(reason)} ({count:,})" for reason, count in data.dropped.items())
            yield Markdown(f"Left out of {escaped(data.name)}: {reasons}.")
        for note in comparison.notes:
            yield Markdown(f"{escaped(data.name)}: {escaped(note)}.")
        if comparison.k is not None:
            yield Markdown(
                f"{escaped(data.name)}: divergences are lower bounds, since only the {comparison.k:,} "
                "likeliest tokens of each model were known; they can't be compared with figures over the "
                "whole vocabulary."
            )
