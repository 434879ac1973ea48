"""A calibration set in two tables: what a notebook shows where the report's packages are not installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from calibset.manifest import Manifest
from calibset.printable import printable
from calibset.source_reports import SourceReport


def brief_html(manifest: Manifest) -> str:
    """Return a calibration set in two tables; needs nothing but its manifest.

    Text of the corpora and the recipe is escaped, and what could steer the page is spelled out.
    """
    return "".join(
        (
            f"<p><b>{_text(manifest.name)}</b>: {_counted(manifest.nsamples, 'sample', 'samples')} "
            f"of {manifest.seqlen:,} tokens, {manifest.kept:,} kept by {_text(manifest.consumer)}, "
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
        left_out = sum(one.rejections.values()) + sum(one.set_aside.values())
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
