"""A calibration set in two tables: what a notebook shows where the report's packages are not installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from calibset.manifest import Manifest
from calibset.printable import printable

__all__ = ["brief_html"]


def brief_html(manifest: Manifest) -> str:
    """Return a calibration set in two tables; needs nothing but its manifest.

    Text of the corpora and the recipe is escaped, and what could steer the page is spelled out.
    """
    return "".join(
        (
            f"<p><b>{_text(manifest.name)}</b>: {manifest.nsamples:,} samples of {manifest.seqlen:,} tokens, "
            f"{manifest.kept:,} kept by {_text(manifest.consumer)}, {manifest.waste:.2%} waste</p>",
            _table(
                ("group", "share", "asked", "achieved", "tokens read"),
                (
                    (g.name, "fill" if g.share is None else f"{g.share:.1%}", g.asked, g.achieved, g.tokens)
                    for g in manifest.groups
                ),
            ),
            _table(
                ("source", "group", "asked", "achieved", "tokens read", "waste", "left out", "licence"),
                _sources(manifest),
            ),
            *(f"<p>{line}</p>" for line in _lines(manifest)),
        )
    )


def _sources(manifest: Manifest) -> Iterator[tuple[str | int, ...]]:
    for one in manifest.sources:
        waste = (one.tokens - one.tokens_read) / one.tokens if one.tokens else 0.0
        left_out = sum(one.rejections.values()) + sum(one.set_aside.values())
        given = (one.asked, one.achieved, one.tokens_read)
        yield (one.name, one.group, *given, f"{waste:.2%}", left_out, one.licence)


def _lines(manifest: Manifest) -> Iterator[str]:
    if chosen := manifest.selection:
        yield (
            f"{_text(chosen.method)}: {chosen.distinct_tokens:,} different tokens, chosen from "
            f"{chosen.pool:,} rows; random choice has {chosen.random_mean:,.0f} ± {chosen.random_sd:,.0f}"
        )
    duplicates = sum(len(source.duplicates) for source in manifest.sources)
    contaminated = sum(len(source.contaminated) for source in manifest.sources)
    if duplicates or contaminated:
        yield f"{duplicates:,} duplicates and {contaminated:,} parts of evaluation sets were found"
    if manifest.other:
        yield f"{manifest.other.role}: {manifest.other.nsamples:,} rows that share no document with these"


def _table(head: Iterable[str], rows: Iterable[tuple[str | int, ...]]) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: str | int) -> str:
    return f"<td>{value:,}</td>" if isinstance(value, int) else f"<td>{_text(value)}</td>"


def _text(value: str) -> str:
    return escape(printable(value))
