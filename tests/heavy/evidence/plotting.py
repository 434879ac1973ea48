"""Plots of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.heavy.evidence.telling import DOMAINS, Figure, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BARS = {
    "pile-10k": ("pile-10k alone", "#9aa5b1"), "script": ("7,000-character script", "#d98c3f"),
    "recipe": ("calibset's recipe", "#2f6f9f"), "general-20": ("the recipe with 20 % Pile", "#7fb3d5"),
}  # fmt: skip
_LINES = ("#2f6f9f", "#d98c3f", "#5b8c5a", "#9aa5b1", "#7a6aa5")
_ROWS = {32: "rows-32", 64: "rows-64", 128: "recipe", 256: "rows-256", 512: "rows-512"}
_GENERAL = {0: "recipe", 10: "general-10", 20: "general-20", 30: "general-30"}


def plot_domains(figures: Sequence[Figure], path: Path) -> None:
    """Draw bars of the mean divergence by domain and set, with a dot for each seed."""
    figure, axes = _start()
    width = 0.8 / len(_BARS)
    for index, (name, (label, colour)) in enumerate(_BARS.items()):
        for place, domain in enumerate(DOMAINS):
            values = values_of(figures, name, 4, domain)
            if not values:
                continue
            at = place + (index - (len(_BARS) - 1) / 2) * width
            axes.bar(at, statistics.mean(values), width * 0.92, color=colour, label=None if place else label)
            axes.plot([at] * len(values), values, "k.", markersize=3)
    axes.set_xticks(range(len(DOMAINS)), list(DOMAINS.values()))
    axes.legend(frameon=False)
    _finish(figure, axes, path, "")


def plot_rows(figures: Sequence[Figure], path: Path) -> None:
    """Draw the mean divergence by the number of rows."""
    _draw_lines(figures, _ROWS, path, "rows of 2,048 tokens", logarithmic=True)


def plot_general(figures: Sequence[Figure], path: Path) -> None:
    """Draw the mean divergence by the share of general text."""
    _draw_lines(figures, _GENERAL, path, "share of general text, %", logarithmic=False)


def _draw_lines(
    figures: Sequence[Figure], names: dict[int, str], path: Path, label: str, *, logarithmic: bool
) -> None:
    figure, axes = _start()
    for colour, (domain, title) in zip(_LINES, DOMAINS.items(), strict=True):
        points = {at: values for at, name in names.items() if (values := values_of(figures, name, 4, domain))}
        axes.plot(
            list(points),
            [statistics.mean(values) for values in points.values()],
            "-",
            color=colour,
            label=title,
        )
        for at, values in points.items():
            axes.plot([at] * len(values), values, ".", color=colour, markersize=4)
    if logarithmic:
        axes.set_xscale("log", base=2)
    axes.set_xticks(list(names), [f"{at}" for at in names])
    axes.legend(frameon=False, ncols=3)
    _finish(figure, axes, path, label)


def _start() -> tuple[Any, Axes]:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.5, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finish(figure: Any, axes: Axes, path: Path, label: str) -> None:
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean KL divergence, nats")
    axes.set_xlabel(label)
    # Without a date and random ids the same figures draw the same file.
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None})
