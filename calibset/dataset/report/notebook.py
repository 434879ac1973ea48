"""A calibration set in a notebook: the report's figures, plots and tables, and the first rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib.util import find_spec

from calibset.core.documents import Sample
from calibset.core.text import printable
from calibset.dataset.manifest import Manifest
from calibset.dataset.report.browser_rows import BETWEEN, BEYOND, CONTROL, SPELLED, stretches_of
from calibset.dataset.report.charts import plots_of
from calibset.dataset.report.figures import Figures, figures_of
from calibset.dataset.report.rows import Row, built_rows
from calibset.dataset.report.templating import filled, styled
from calibset.dataset.source_reports import SourceReport
from calibset.hygiene.language import LEAST_LETTERS
from calibset.tokenizers import ControlTokens, Tokenizer

_ROWS = 5
_CHARACTERS = 20_000
_LISTED = 20
_KINDS = ("between documents", "whole", "part", "filler, cut")
_WITHOUT_ANY = "The report's figures, its plots and rows need more: pip install 'calibset[report]'"
_WITHOUT_PLOTS = "The plots need matplotlib, which is not installed: pip install 'calibset[report]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    classes: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    document: str
    what: str
    headed: bool
    pieces: tuple[_Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShownRow:
    number: int
    source: str
    tokens: int
    stretches: tuple[_Stretch, ...]
    more: int


def notebook_html(
    manifest: Manifest, samples: Sequence[Sample], tokenizer: Tokenizer | None, notes: Sequence[str] = ()
) -> str:
    """Return what a notebook shows of a calibration set, as an element with its own style and no script.

    Text of the corpora and the recipe is escaped, and what could steer the page is spelled out.

    Args:
        manifest: The record of the build.
        samples: Its rows.
        tokenizer: What measured them; without it, or without jinja2, there are two tables alone.
        notes: What whoever uses the set should know.
    """
    if tokenizer is None:
        return brief_html(manifest)
    if find_spec("jinja2") is None:
        return f"{brief_html(manifest)}<p>{_WITHOUT_ANY}</p>"
    control_tokens = ControlTokens.of(tokenizer.special_tokens)
    rows = built_rows(samples, manifest.seqlen, tokenizer, _ROWS)
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    figures = figures_of(manifest, rows, control_tokens, around=around, listed=_LISTED)
    return _filled(figures, tuple(_shown(row, control_tokens) for row in rows[:_ROWS]), notes)


def _filled(figures: Figures, rows: tuple[_ShownRow, ...], notes: Sequence[str]) -> str:
    from markupsafe import Markup

    drawable = find_spec("matplotlib") is not None
    plots = plots_of(figures) if drawable else {}
    return filled(
        "notebook.html",
        notebook=True,
        file=None,
        figures=figures,
        manifest=figures.manifest,
        notes=(*notes, *(() if drawable else (_WITHOUT_PLOTS,))),
        plots={name: Markup(plot) for name, plot in plots.items()},  # noqa: S704  (escaped)
        least_letters=LEAST_LETTERS,
        rows=rows,
        style=Markup(styled("notebook.css", notebook=True)),  # noqa: S704  (this package's own)
    )


def _shown(row: Row, control_tokens: ControlTokens) -> _ShownRow:
    return _ShownRow(
        number=row.number,
        source=row.source,
        tokens=row.tokens,
        stretches=tuple(_stretches(replace(row, text=row.text[:_CHARACTERS]), control_tokens)),
        more=max(0, len(row.text) - _CHARACTERS),
    )


def _stretches(row: Row, control_tokens: ControlTokens) -> Iterator[_Stretch]:
    is_read = True
    for document, kind, pieces in stretches_of(row, control_tokens):
        shown = [_Piece(classes=_classes(flags), text=text) for flags, text in pieces]
        unread = next((place for place, (flags, _) in enumerate(pieces) if flags & BEYOND), None)
        if is_read and unread is not None:
            shown.insert(unread, _Piece(classes="cut", text="the quantizer reads to here"))
            is_read = False
        headed = kind != BETWEEN or any(text.strip() for _, text in pieces)
        if pieces:
            yield _Stretch(document=document, what=_KINDS[kind], headed=headed, pieces=tuple(shown))


def _classes(flags: int) -> str:
    names = ((CONTROL, "control"), (BEYOND, "beyond"), (SPELLED, "spelled"))
    return " ".join(name for flag, name in names if flags & flag)


def brief_html(manifest: Manifest) -> str:
    """Return a calibration set in two tables; needs nothing but its manifest.

    Text of the corpora and the recipe is escaped, and what could steer the page is spelled out.
    """
    return "".join(
        (
            f"<p><b>{_text(manifest.name)}</b>: {_counted(manifest.nsamples, 'sample', 'samples')} "
            f"of {manifest.seqlen:,} tokens, {manifest.kept:,} kept by {_text(manifest.quantizer)}, "
            f"{_waste(manifest.sources):.2%} cut (waste)</p>",
            _table(
                ("group", "share", "asked", "achieved", "tokens read"),
                (
                    (g.name, "fill" if g.share is None else f"{g.share:.1%}", g.asked, g.achieved, g.tokens)
                    for g in manifest.groups
                ),
            ),
            _table(
                ("source", "group", "asked", "achieved", "tokens read", "cut (waste)", "left out", "licence"),
                _sources(manifest),
            ),
            *(f"<p>{line}</p>" for line in _lines(manifest)),
        )
    )


def _sources(manifest: Manifest) -> Iterator[tuple[str | int, ...]]:
    for one in manifest.sources:
        left_out = sum(one.rejections.values()) + sum(one.filtered.values())
        given = (one.asked, one.achieved, one.tokens_read)
        yield (one.name, one.group, *given, f"{_waste((one,)):.2%}", left_out, one.licence)


def _waste(sources: Sequence[SourceReport]) -> float:
    tokens = sum(source.tokens for source in sources)
    return (tokens - sum(source.tokens_read for source in sources)) / tokens if tokens else 0.0


def _lines(manifest: Manifest) -> Iterator[str]:
    if chosen := manifest.selection:
        yield (
            f"{_text(chosen.method)}: {chosen.distinct_tokens:,} different tokens, chosen from "
            f"{chosen.pool:,} rows; random choice has {chosen.random_mean:,.0f} ± {chosen.random_sd:,.0f}"
        )
    duplicates = sum(len(source.duplicates) for source in manifest.sources)
    contaminated = sum(len(source.contaminated) for source in manifest.sources)
    if duplicates or contaminated:
        yield (
            f"found: {_counted(duplicates, 'duplicate', 'duplicates')} and "
            f"{_counted(contaminated, 'document', 'documents')} with a part of an evaluation set"
        )
    if manifest.other:
        rows = _counted(manifest.other.nsamples, "row that shares", "rows that share")
        yield f"{manifest.other.role}: {rows} no document with these"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _table(head: Iterable[str], rows: Iterable[tuple[str | int, ...]]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: str | int) -> str:
    return f"<td>{value:,}</td>" if isinstance(value, int) else f"<td>{_text(value)}</td>"


def _text(value: str) -> str:
    return escape(printable(value))
