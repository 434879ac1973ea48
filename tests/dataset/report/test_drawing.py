from __future__ import annotations

import re
import warnings

import pytest

from calibset.dataset.report.drawing import Series, bars, columns, curves

LABELS = ["slovak", "$\\frac{1}{2}$ <script>", "日本語 العربية", "a" * 50, "line\nbreak\x00"]


def draw_bars(labels: list[str], values: list[float]) -> str:
    return bars(
        labels, [Series(name="rows", values=values)], label="Rows", shown=lambda value: f"{value:,.0f}"
    )


def test_labels_are_text_whatever_they_hold() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = draw_bars(LABELS, [1, 2, 3, 4, 5])
    assert ">$\\frac{1}{2}$ &lt;script&gt;</text>" in svg
    assert ">日本語 العربية</text>" in svg
    assert f">{'a' * 23}…</text>" in svg
    assert ">line break\\x00</text>" in svg


@pytest.mark.parametrize(
    "svg",
    [
        draw_bars(["a", "b"], [3.0, 0.0]),
        draw_bars([], []),
        draw_bars(["a"], [0.0]),
        columns(["1", "2"], [5, 6], label="Rows", below="tokens"),
        columns([], [], label="Rows", below="tokens"),
        columns([str(1 << i) for i in range(40)], list(range(40)), label="Rows", below="tokens"),
        curves([[0, 1], [0, 1]], [Series(name="a", values=[0, 5])] * 2, label="Rows", below="rows"),
        curves([[0.0]], [Series(name="a", values=[0.0])], label="Rows", below="rows"),
    ],
)
def test_a_plot_takes_its_colours_from_the_page_and_clashes_with_nothing(svg: str) -> None:
    assert svg.startswith('<svg role="img" aria-label="Rows" viewBox="0 0 400 ')
    for word in ("#", " id=", "style", "clip", "href", "<!", "nan", "<use", "Date"):
        assert word not in svg


def _text(svg: str, text: str) -> re.Match[str]:
    found = re.search(rf"<text([^>]*)>{text}</text>", svg)
    assert found is not None
    return found


def _height(svg: str, text: str) -> float:
    """Return how far below the plot's top a text stands."""
    position = re.search(r'(?: y="|translate\([\d.-]+ )([\d.]+)', _text(svg, text)[1])
    assert position is not None
    return float(position[1])


def test_columns_have_their_values_above_them_and_end_below_the_last_mark() -> None:
    svg = columns(["1", "2"], [1_234, 56], label="Rows", below="tokens")
    assert _height(svg, "1,500") < _height(svg, "1,234") < _height(svg, "900") < _height(svg, "56")
    assert "rotate(-90)" not in _text(svg, "1,234")[1]


def test_a_value_wider_than_its_column_stands_upright() -> None:
    svg = columns([str(1 << i) for i in range(40)], [2_170] * 40, label="Rows", below="tokens")
    assert "rotate(-90)" in _text(svg, "2,170")[1]
    assert ">3,000</text>" in svg


def test_the_last_bars_may_be_outlined() -> None:
    svg = bars(["a", "b"], [Series(name="x", values=[1, 2])], label="Rows", shown=str, outlined=1)
    assert svg.count('fill="var(--one)"') == 1
    assert svg.count('stroke="var(--one)"') == 2


def test_a_plot_is_drawn_alike_under_other_settings() -> None:
    import matplotlib as mpl

    before = draw_bars(["a"], [1])
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert draw_bars(["a"], [1]) == before
        assert mpl.rcParams["font.size"] == 30


def test_a_long_list_of_bars_ends() -> None:
    svg = draw_bars([f"source {number}" for number in range(100)], [1.0] * 100)
    assert ">source 39</text>" in svg
    assert ">source 40</text>" not in svg
