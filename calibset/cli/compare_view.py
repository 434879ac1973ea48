"""The tables of a comparison, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from calibset.cli.console import create_table, open_console, print_line, print_lines
from calibset.evaluation.comparison import (
    Comparison,
    DivergenceFigures,
    DomainFigures,
    Estimate,
    OtherFigures,
    domain_label,
)  # fmt: skip
from calibset.evaluation.wording import (
    bound_sign,
    describe_bound,
    describe_contrast,
    describe_data,
    describe_written_bound,
)

if TYPE_CHECKING:
    from rich.table import Table


def print_comparison(comparison: Comparison) -> None:
    """Print what models cost against their base, by domain."""
    print_lines(describe_data(comparison))
    print_line("")
    for title, table in _tables(comparison):
        print_line(title)
        open_console().print(table)
        print_line("")
    for contrast in comparison.contrasts:
        if contrast.kind != "source" or not _has_groups(comparison):
            print_line(describe_contrast(contrast))
    if len(comparison.others) > 1 and _has_groups(comparison):
        print_line("single sources are told with --json and --page")
    print_line(f"in brackets: {comparison.intervals}")
    print_lines(f"note: {note}" for note in comparison.notes)


def _tables(comparison: Comparison) -> Iterator[tuple[str, Table]]:
    bound = describe_bound(comparison)
    yield "perplexity (PPL), with llama.cpp's standard error, and its change", _perplexities(comparison)
    if any(domain.kld for _, _, domain in _rows(comparison)):
        yield f"KL divergence (KLD) from {comparison.base.label}, in nats, {bound}", _divergences(comparison)
        yield (
            "the token that stands there: change of its probability (Δp); same likeliest token",
            _tokens(comparison),
        )
    if any(other.generation for other in comparison.others):
        written = describe_written_bound(comparison)
        yield f"KLD along what {comparison.base.label} wrote, {written}", _generation(comparison)
    if any(other.calls for other in comparison.others):
        yield "tool calls: the same call as the base's", _calls(comparison)
    if any(recipe.runs > 1 for spreads in comparison.spreads for recipe in spreads.recipes):
        yield "runs of a recipe: mean ± standard deviation over seeds", _spreads(comparison)


def _rows(comparison: Comparison) -> Iterator[tuple[list[str], OtherFigures, DomainFigures]]:
    """Yield the first cells of each row, domain by domain and model by model."""
    several = len(comparison.others) > 1
    for index, first in enumerate(comparison.others[0].domains):
        if several and first.kind == "source" and _has_groups(comparison):
            continue
        for number, other in enumerate(comparison.others):
            name = domain_label(first.kind, first.name) if number == 0 else ""
            yield [name, *([other.model.label] if several else [])], other, other.domains[index]


def _has_groups(comparison: Comparison) -> bool:
    return any(domain.kind == "group" for domain in comparison.others[0].domains)


def _table(comparison: Comparison, *figures: str) -> Table:
    first = ["domain", "model"] if len(comparison.others) > 1 else ["domain"]
    return _create_table(first, figures)


def _create_table(left: Sequence[str], right: Sequence[str]) -> Table:
    """Return an empty table; a column without a name holds the interval of the one before."""
    # Names of columns must differ, and an interval needs no name.
    names = [name or " " * number for number, name in enumerate(right)]
    return create_table(*left, **dict.fromkeys(names, ">"))


def _perplexities(comparison: Comparison) -> Table:
    table = _table(comparison, "docs", "base", "other", "change", "")
    for cells, _, domain in _rows(comparison):
        ppl = domain.perplexity
        table.add_row(
            *cells,
            f"{domain.documents:,}",
            _perplexity(ppl.base, ppl.base_error),
            _perplexity(ppl.other, ppl.other_error),
            f"{ppl.change.value:+.2%}",
            _range(ppl.change, "+.1%"),
        )
    return table


def _perplexity(value: float, error: float) -> str:
    if value < 100:
        return f"{value:.3f} ± {error:.3f}"
    return f"{value:,.0f} ± {error:,.0f}" if value < 1e6 else f"{value:.3g} ± {error:.1g}"


def _divergences(comparison: Comparison) -> Table:
    table = _table(comparison, "mean", "", "median", "95 %", "99 %")
    for cells, _, domain in _rows(comparison):
        if kld := domain.kld:
            table.add_row(*cells, *_divergence_cells(kld))
    return table


def _divergence_cells(kld: DivergenceFigures) -> Iterator[str]:
    yield f"{kld.sign}{kld.mean.value:.3g}"
    yield _range(kld.mean, ".3g")
    for estimate in (kld.median, kld.p95, kld.p99):
        yield f"{kld.sign}{estimate.value:.3g}"


def _tokens(comparison: Comparison) -> Table:
    table = _table(comparison, "RMS Δp", "", "same top", "")
    for cells, _, domain in _rows(comparison):
        same = domain.same_top
        table.add_row(
            *cells,
            f"{domain.rms_dp.value:.2%}",
            _range(domain.rms_dp, ".2%"),
            "" if same is None else f"{same.value:.1%}",
            "" if same is None else _range(same, ".1%"),
        )
    return table


def _generation(comparison: Comparison) -> Table:
    table = _create_table(["model", "task"], ["prompts", "first", "", "all", "same top"])
    for other in comparison.others:
        for figures in other.generation:
            sign = bound_sign(figures.bound)
            table.add_row(
                other.model.label,
                figures.task,
                f"{figures.windows:,}",
                f"{sign}{figures.first.value:.3g}",
                _range(figures.first, ".3g"),
                f"{sign}{figures.mean.value:.3g}",
                f"{figures.same_top.value:.1%}",
            )
    return table


def _calls(comparison: Comparison) -> Table:
    table = _create_table(["model"], ["prompts", "base calls", "its calls", "same call", "same tool"])
    for other in comparison.others:
        if calls := other.calls:
            counts = (calls.prompts, calls.base_calls, calls.other_calls, calls.same, calls.same_names)
            table.add_row(other.model.label, *(f"{count:,}" for count in counts))
    return table


def _spreads(comparison: Comparison) -> Table:
    table = _create_table(["domain", "recipe"], ["runs", "KLD mean", "PPL change"])
    sign = bound_sign("exact" if comparison.k is None else "at least")
    for spreads in comparison.spreads:
        if spreads.kind == "source" and _has_groups(comparison):
            continue
        for number, recipe in enumerate(spreads.recipes):
            table.add_row(
                domain_label(spreads.kind, spreads.domain) if number == 0 else "",
                recipe.name,
                str(recipe.runs),
                "" if recipe.kld is None else sign + _spread(recipe.kld, recipe.kld_deviation, ".3g", ".2g"),
                _spread(recipe.change, recipe.change_deviation, "+.2%", ".2%"),
            )
    return table


def _spread(mean: float, deviation: float | None, form: str, deviation_form: str) -> str:
    return f"{mean:{form}}" if deviation is None else f"{mean:{form}} ± {deviation:{deviation_form}}"


def _range(estimate: Estimate, form: str) -> str:
    """Return the interval of a figure in brackets; a dash if there is none."""
    if estimate.low is None or estimate.high is None:
        return "[—]"
    return f"[{estimate.low:{form}}, {estimate.high:{form}}]"
