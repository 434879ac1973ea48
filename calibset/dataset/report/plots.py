"""The plots of a report, by name."""

from __future__ import annotations

from calibset.dataset.report.drawing import Series, bars, columns, curves
from calibset.dataset.report.figures import Figures, SizeRange
from calibset.dataset.report.languages import CONVERSATION, SHORT, UNCERTAIN

_LONGEST_LANGUAGES = 12
_UNIDENTIFIED = {
    CONVERSATION: "not identified: conversations",
    SHORT: "not identified: too short",
    UNCERTAIN: "not identified: uncertain",
}


def draw_plots(figures: Figures) -> dict[str, str]:
    """Return a report's plots by name, each an SVG element."""
    return {
        "groups": _rows_by("group", figures),
        "sources": _rows_by("source", figures),
        "waste": _waste(figures),
        "document_lengths": columns(
            [_power(size.least) for size in figures.document_lengths],
            [size.count for size in figures.document_lengths],
            label="Documents read by length; the table has the numbers",
            below="characters, this many or more",
        ),
        "row_tokens": columns(
            [str(size.least) for size in figures.row_tokens],
            [size.count for size in figures.row_tokens],
            label="Rows by tokens; the table has the numbers",
            below="tokens, this many or more",
        ),
        "row_documents": columns(
            [_range(size) for size in figures.row_documents],
            [size.count for size in figures.row_documents],
            label="Rows by documents; the table has the numbers",
            below="documents in a row",
        ),
        "coverage": _coverage(figures),
        "languages": _languages(figures),
    }


def _rows_by(kind: str, figures: Figures) -> str:
    reports = figures.manifest.groups if kind == "group" else figures.manifest.sources
    return bars(
        [report.name for report in reports],
        [
            Series(name="asked", values=[report.asked for report in reports]),
            Series(name="achieved", values=[report.achieved for report in reports]),
        ],
        label=f"Rows asked for and achieved by {kind}; the table has the numbers",
        shown="{:,.0f}".format,
    )


def _waste(figures: Figures) -> str:
    names = [source.name for source in figures.manifest.sources if source.achieved]
    return bars(
        names,
        [Series(name="waste", values=[figures.sources[name].waste for name in names])],
        label="Share of each source's tokens that is cut; the table has the numbers",
        shown="{:.2%}".format,
    )


def _coverage(figures: Figures) -> str:
    points = figures.coverage
    lines: list[tuple[list[float], list[float]]] = [
        ([0, *(point.rows for point in points)], [0, *(point.distinct for point in points)])
    ]
    for field in ("chosen", "random_mean"):
        known = [(point.rows, value) for point in points if (value := getattr(point, field)) is not None]
        if known:
            lines.append(([rows for rows, _ in known], [value for _, value in known]))
    names = ("in the file's order", "in the order chosen", "random rows")
    return curves(
        [rows for rows, _ in lines],
        [Series(name=name, values=values) for name, (_, values) in zip(names, lines, strict=False)],
        label="Different tokens by number of rows; the table has the numbers",
        below="rows",
    )


def _languages(figures: Figures) -> str:
    mix = figures.languages
    amounts = dict(list(mix.identified.items())[:_LONGEST_LANGUAGES])
    amounts |= {_UNIDENTIFIED[reason]: amount for reason, amount in mix.unidentified.items()}
    shares = [amount.characters / (mix.characters or 1) for amount in amounts.values()]
    return bars(
        list(amounts),
        [Series(name="characters", values=shares)],
        label="Share of all characters by language; the table has the numbers",
        shown="{:.1%}".format,
        outlined=len(mix.unidentified),
    )


def _power(value: int) -> str:
    if value >= 1 << 20:
        return f"{value >> 20}Mi"
    return f"{value >> 10}Ki" if value >= 1 << 10 else str(value)


def _range(size: SizeRange) -> str:
    return str(size.least) if size.least == size.most else f"{size.least}–{size.most}"
