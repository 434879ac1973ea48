"""Bars, columns and curves, drawn by matplotlib as elements of a page.

A drawing takes its colours from the page, and nothing in it can clash with the page or run code.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calibset.core.text import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from matplotlib.axes import Axes

# The colours that matplotlib draws with, and those of the page that replace them.
_COLOURS = {
    "#010101": "var(--ink)",
    "#010102": "var(--muted)",
    "#010103": "var(--line)",
    "#010104": "var(--one)",
    "#010105": "var(--two)",
    "#010106": "var(--three)",
}
_INK, _MUTED, _LINE, *_SERIES = _COLOURS
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))

# Points; a plot is as wide as a telephone shows it at nearly its own size.
_WIDTH = 400.0
_HEIGHT = 240.0
_LETTER = 6.8
_SMALL = 9.5
_SMALL_LETTER = 5.9
_LONGEST = 24
_MOST_BARS = 40

# What a page takes over of matplotlib's document.
_ELEMENTS = ("svg", "g", "path", "text")
_ATTRIBUTES = ("d", "transform", "x", "y", "viewBox")
_STYLES = (
    "fill", "fill-opacity", "font-size", "opacity", "stroke", "stroke-dasharray", "stroke-dashoffset",
    "stroke-linecap", "stroke-linejoin", "stroke-width", "text-anchor",
)  # fmt: skip
_DECIMALS = re.compile(r"(-?\d+\.\d{2})\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named series of values; the first of a plot takes the page's first colour, and so on."""

    name: str
    values: Sequence[float]


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    label: str,
    shown: Callable[[float], str],
    outlined: int = 0,
) -> str:
    """Return horizontal bars, one for each label and series, each with its value at its end.

    Args:
        labels: The labels from top to bottom; long ones are shortened.
        series: One or two series; the first of two is drawn as an outline.
        label: The description of the plot for screen readers.
        shown: Formats a value.
        outlined: How many labels at the end have outlined bars, because they are of another kind.
    """
    labels = [_shorten(text) for text in labels[:_MOST_BARS]]
    height = max(1, len(labels)) * (6.0 + 14.0 * len(series)) + 12
    left = 10 + _LETTER * max(map(len, labels), default=0)
    longest = max((value for line in series for value in line.values), default=0) or 1
    widest = max((len(shown(value)) for line in series for value in line.values), default=1)

    def draw(axes: Axes) -> None:
        _draw_bars(axes, series, shown, outlined)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(max(1, len(labels)) - 0.5, -0.5)
        axes.set_xlim(0, longest)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)

    return _draw(draw, height, (left, 6.0, 10 + _LETTER * widest, 6.0), label)


def _draw_bars(axes: Axes, series: Sequence[Series], shown: Callable[[float], str], outlined: int) -> None:
    """Draw the bars of each series, those of one label below each other."""
    thickness = 0.76 / len(series)
    for number, line in enumerate(series):
        values = list(line.values[:_MOST_BARS])
        positions = [i - 0.38 + thickness * (number + 0.5) for i in range(len(values))]
        filled = 0 if len(series) > 1 and number == 0 else len(values) - outlined
        axes.barh(
            positions,
            values,
            height=thickness * 0.86,
            facecolor=[_SERIES[number] if i < filled else "none" for i in range(len(values))],
            edgecolor=_SERIES[number],
            linewidth=1.2,
            clip_on=False,
        )
        for position, value in zip(positions, values, strict=True):
            axes.annotate(
                shown(value), (value, position), (4, 0), textcoords="offset points", va="center", fontsize=11
            )


def columns(labels: Sequence[str], values: Sequence[int], *, label: str, below: str) -> str:
    """Return vertical bars, one for each label, each with its value above it.

    Args:
        labels: The labels from left to right; where they would overlap, only some are written.
        values: The value of each label.
        label: The description of the plot for screen readers.
        below: The text under the labels.
    """
    widest = max(map(len, labels), default=1)
    column_width = (_WIDTH - 70) / max(1, len(labels))
    step = max(1, int(-(-(widest * _LETTER + 4) // column_width)))
    written = [f"{value:,}" for value in values]
    longest = _SMALL_LETTER * max(map(len, written), default=1)
    # A number wider than its bar is written upright.
    upright = longest + 2 > column_width

    def draw(axes: Axes) -> None:
        axes.bar(range(len(values)), values, width=0.9, facecolor=_SERIES[0], clip_on=False)
        for index, (value, text) in enumerate(zip(values, written, strict=True)):
            axes.annotate(
                text,
                (index, value),
                (0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=_SMALL,
                rotation=90 if upright else 0,
            )
        axes.set_xticks(range(0, len(labels), step), labels[::step])
        axes.set_xlim(-0.6, max(1, len(values)) - 0.4)
        _scale(axes, below, max(values, default=0), (longest if upright else _SMALL) + 6)

    return _draw(draw, _HEIGHT, (56.0, 46.0, 12.0, 10.0), label)


def curves(positions: Sequence[Sequence[float]], series: Sequence[Series], *, label: str, below: str) -> str:
    """Return lines, each with its own pattern of dashes.

    Args:
        positions: The horizontal positions of each series' values, from left to right.
        series: Up to three series.
        label: The description of the plot for screen readers.
        below: The text under the scale.
    """

    def draw(axes: Axes) -> None:
        for number, (along, line) in enumerate(zip(positions, series, strict=True)):
            axes.plot(
                along,
                line.values,
                color=_SERIES[number],
                linestyle=_DASHES[number],
                linewidth=2,
                dash_capstyle="butt",
                clip_on=False,
            )
        axes.set_xlim(0, max((x for along in positions for x in along), default=1) or 1)
        _scale(axes, below, max((y for line in series for y in line.values), default=1), 4)

    return _draw(draw, _HEIGHT, (56.0, 46.0, 18.0, 10.0), label)


def _scale(axes: Axes, below: str, highest: float, above: float) -> None:
    """Draw a scale that ends with a mark, at least ``above`` points over the highest value."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    most = (highest or 1) * _HEIGHT / (_HEIGHT - above)
    marks = MaxNLocator(nbins=5, integer=True).tick_values(0, most)
    axes.set_ylim(0, marks[-1])
    axes.yaxis.set_major_locator(FixedLocator(list(marks)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(visible=True, axis="y", color=_LINE, linewidth=0.8, clip_on=False)
    axes.set_axisbelow(True)
    axes.set_xlabel(below)


def _draw(
    draw: Callable[[Axes], None], height: float, margins: tuple[float, float, float, float], label: str
) -> str:
    """Return what ``draw`` draws; the margins are left, bottom, right and top, in points."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    left, below, right, above = margins
    height += below + above
    size = ((_WIDTH - left - right) / _WIDTH, (height - below - above) / height)
    with _fixed_settings():
        figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
        FigureCanvasSVG(figure)
        axes = figure.add_axes((left / _WIDTH, below / height, *size))
        draw(axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _inline(stream.getvalue(), label)


@contextmanager
def _fixed_settings() -> Iterator[None]:
    """Draw alike on all machines: without the user's settings, the time, or random ids."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        # A letter that matplotlib's font lacks is the browser's to draw.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "calibset",
                "text.parse_math": False,
                "axes.unicode_minus": False,
                "font.size": 11,
                "text.color": _INK,
                "axes.labelcolor": _MUTED,
                "axes.labelsize": 11,
                "axes.edgecolor": _MUTED,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "xtick.labelcolor": _MUTED,
                "xtick.labelsize": 11,
                "ytick.labelcolor": _INK,
                "ytick.labelsize": 11,
                "xtick.major.size": 0,
                "ytick.major.size": 0,
            }
        )
        yield


def _shorten(text: str) -> str:
    text = " ".join(printable(text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _inline(document: str, label: str) -> str:
    """Return a document of matplotlib's as an element of a page.

    Styles become attributes, which the page's policy allows; ids, definitions and metadata are left out.
    """
    from xml.etree.ElementTree import tostring

    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    element = _cleaned(fromstring(document))
    element.attrib = {"role": "img", "aria-label": label, **element.attrib}
    return tostring(element, encoding="unicode", short_empty_elements=False)


def _cleaned(element: Element) -> Element:
    from xml.etree.ElementTree import Element

    copy = Element(_local(element.tag), dict(_attributes(element)))
    if copy.tag == "text":
        copy.text = element.text
    else:
        copy.extend(_cleaned(child) for child in element if _local(child.tag) in _ELEMENTS)
    return copy


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        if _local(name) in _ATTRIBUTES:
            yield _local(name), _DECIMALS.sub(r"\1", " ".join(value.split()))
    for rule in element.attrib.get("style", "").split(";"):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if name in _STYLES:
            yield name, _COLOURS.get(value, _DECIMALS.sub(r"\1", value))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
