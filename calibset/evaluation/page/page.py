"""The page about a comparison, as HTML text and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from calibset.core.atomic_write import write_atomically
from calibset.dataset.report.drawing import Series, bars, curves
from calibset.dataset.report.page import require_matplotlib, write_policy
from calibset.dataset.report.templating import page_style, render_from
from calibset.evaluation.comparing import Compared
from calibset.evaluation.comparison import Comparison, OtherFigures, domain_label, domain_name
from calibset.evaluation.page.worst import (
    LEVELS,
    CommonToken,
    WorstWindow,
    find_common_tokens,
    find_worst_windows,
)
from calibset.evaluation.spelling import load_measured_tokenizer
from calibset.evaluation.wording import (
    bound_sign,
    describe_bound,
    describe_contrast,
    describe_data,
)
from calibset.tokenizers import Tokenizer

_PACKAGE = "calibset.evaluation.page"
# The models whose worst windows are shown, and the lines of a plot.
_MOST_SHOWN = 3
# Plots have whole numbers on their scales.
_THOUSANDTHS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenParts:
    """Where a model strays furthest from its base.

    Attributes:
        label: The model.
        windows: The worst windows.
        tokens: The tokens at whose places most of the divergence is.
    """

    label: str
    windows: tuple[WorstWindow, ...]
    tokens: tuple[CommonToken, ...]


def write_page(compared: Compared, path: Path, *, tokenizer: str | None = None) -> None:
    """Write a page about a comparison; it needs no network and loads nothing.

    Args:
        compared: The comparison.
        path: The file to write.
        tokenizer: What spells the tokens, by name or path; by default the tokenizer that was measured with.

    Raises:
        TokenizerError: The tokenizer can't be loaded.
        OutputError: The file can't be written, or matplotlib is not installed.
    """
    spelling = load_measured_tokenizer(compared.tokenizer, compared.tokenizer_sha256, tokenizer)
    text = page_html(compared, spelling)
    with write_atomically(path) as stream:
        stream.write(text.encode("utf-8"))


def page_html(compared: Compared, tokenizer: Tokenizer) -> str:
    """Return the page about a comparison."""
    require_matplotlib()
    from markupsafe import Markup

    comparison = compared.comparison
    style = page_style() + _read_asset("compare.css")
    return render_from(
        _PACKAGE,
        "compare.html",
        notebook=False,
        comparison=comparison,
        about=list(describe_data(comparison)),
        bound=describe_bound(comparison),
        sign=bound_sign("exact" if comparison.k is None else "at least"),
        contrasts=[describe_contrast(contrast) for contrast in comparison.contrasts],
        ranked={other.model.label: _ranked(other) for other in comparison.others},
        plots={name: Markup(plot) for name, plot in _draw_plots(comparison).items()},  # noqa: S704  (escaped)
        broken=[
            BrokenParts(
                label=label,
                windows=tuple(find_worst_windows(compared.positions, pair, tokenizer)),
                tokens=tuple(find_common_tokens(compared.positions, pair, tokenizer)),
            )
            for label, pair in list(compared.pairs.items())[:_MOST_SHOWN]
        ],
        most_shown=_MOST_SHOWN,
        levels=LEVELS,
        domain_label=domain_label,
        style=Markup(style),  # noqa: S704  (this package's own)
        policy=write_policy(style),
    )


def _ranked(other: OtherFigures) -> list[int]:
    """Return the numbers of the domains, all of the data first, then those that lost most."""
    losses = {
        number: domain.kld.mean.value if domain.kld else domain.perplexity.change.value
        for number, domain in enumerate(other.domains)
    }
    return [0, *sorted(list(losses)[1:], key=lambda number: -losses[number])]


def _draw_plots(comparison: Comparison) -> Mapping[str, str]:
    plots = {}
    shown = [other for other in comparison.others if other.by_position][:_MOST_SHOWN]
    for number, other in enumerate(shown):
        domains = [other.domains[index] for index in _ranked(other)]
        plots[f"domains {number}"] = bars(
            [domain_name(domain.kind, domain.name) for domain in domains],
            [Series(name="KLD", values=[domain.kld.mean.value for domain in domains if domain.kld])],
            label="Mean KL divergence by domain; the table has the numbers",
            shown=f"{bound_sign('exact' if comparison.k is None else 'at least')}{{:.3g}}".format,
        )
    if shown:
        plots["positions"] = curves(
            [[(one.first + one.last) / 2 for one in other.by_position] for other in shown],
            [
                Series(name=other.model.label, values=[one.kld * _THOUSANDTHS for one in other.by_position])
                for other in shown
            ],
            label="Mean KL divergence by position in the window; the table has the numbers",
            below="position in the window",
        )
    return plots


def _read_asset(name: str) -> str:
    return files(_PACKAGE).joinpath("templates", name).read_text("utf-8")
