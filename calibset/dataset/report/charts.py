"""Which plots a report has."""

from __future__ import annotations

from collections.abc import Iterator

from calibset.dataset.report.figures import Bin, Figures
from calibset.dataset.report.languages import CONVERSATION, SHORT, UNCERTAIN
from calibset.dataset.report.plots import Series, bars, columns, curves

_LONGEST_LANGUAGES = 12
_UNTOLD = {
    CONVERSATION: "not told: conversations",
    SHORT: "not told: too short",
    UNCERTAIN: "not told: uncertain",
}


def plots_of(figures: Figures) -> dict[str, str]:
    """Return a report's plots by name, each an SVG element."""
    return dict(_mixture(figures)) | dict(_sizes(figures)) | dict(_contents(figures))


def _mixture(figures: Figures) -> Iterator[tuple[str, str]]:
    groups, sources = figures.manifest.groups, figures.manifest.sources
    for name, found in (("groups", groups), ("sources", sources)):
        yield (
            name,
            bars(
                [one.name for one in found],
                [
                    Series(name="asked", values=[one.asked for one in found]),
                    Series(name="achieved", values=[one.achieved for one in found]),
                ],
                label=f"Rows asked for and achieved by {name.removesuffix('s')}; the table has the numbers",
                shown=_count,
            ),
        )
    with_rows = [source for source in sources if source.achieved]
    yield (
        "waste",
        bars(
            [source.name for source in with_rows],
            [Series(name="waste", values=[figures.sources[source.name].waste for source in with_rows])],
            label="Part of each source's tokens that is cut; the table has the numbers",
            shown=lambda value: f"{value:.2%}",
        ),
    )


def _sizes(figures: Figures) -> Iterator[tuple[str, str]]:
    yield (
        "document_lengths",
        columns(
            [_power(one.least) for one in figures.document_lengths],
            [one.count for one in figures.document_lengths],
            label="Documents read by length; the table has the numbers",
            below="characters, this many or more",
        ),
    )
    yield (
        "row_tokens",
        columns(
            [str(one.least) for one in figures.row_tokens],
            [one.count for one in figures.row_tokens],
            label="Rows by tokens; the table has the numbers",
            below="tokens, this many or more",
        ),
    )
    yield (
        "row_documents",
        columns(
            [_range(one) for one in figures.row_documents],
            [one.count for one in figures.row_documents],
            label="Rows by documents; the table has the numbers",
            below="documents in a row",
        ),
    )


def _contents(figures: Figures) -> Iterator[tuple[str, str]]:
    points = figures.coverage
    lines = [([0.0, *(point.rows for point in points)], [0.0, *(point.distinct for point in points)])]
    for field in ("chosen", "random_mean"):
        known = [(point.rows, value) for point in points if (value := getattr(point, field)) is not None]
        if known:
            lines.append(([float(rows) for rows, _ in known], [float(value) for _, value in known]))
    names = ("in the file's order", "in the order chosen", "random rows")
    yield (
        "coverage",
        curves(
            [places for places, _ in lines],
            [Series(name=name, values=values) for name, (_, values) in zip(names, lines, strict=False)],
            label="Different tokens by number of rows; the table has the numbers",
            below="rows",
        ),
    )
    mix = figures.languages
    told = list(mix.told.items())[:_LONGEST_LANGUAGES]
    amounts = [amount.characters for amount in (*(amount for _, amount in told), *mix.untold.values())]
    yield (
        "languages",
        bars(
            [*(code for code, _ in told), *(_UNTOLD[reason] for reason in mix.untold)],
            [Series(name="characters", values=[amount / (mix.characters or 1) for amount in amounts])],
            label="Part of all characters by language; the table has the numbers",
            shown=lambda value: f"{value:.1%}",
            outlined=len(mix.untold),
        ),
    )


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _power(value: int) -> str:
    if value >= 1 << 20:
        return f"{value >> 20}Mi"
    return f"{value >> 10}Ki" if value >= 1 << 10 else str(value)


def _range(one: Bin) -> str:
    return str(one.least) if one.least == one.most else f"{one.least}–{one.most}"
