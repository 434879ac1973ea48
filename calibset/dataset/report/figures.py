"""What a report says in numbers: computed from a manifest, its rows and their tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from calibset.dataset.manifest import Manifest
from calibset.dataset.report.languages import LanguageMix, language_mix
from calibset.dataset.report.rejected import LeftOut, left_out
from calibset.dataset.report.rows import Row
from calibset.dataset.source_reports import SourceReport
from calibset.tokenizers import ControlTokens

_MOST_BINS = 16
_MOST_POINTS = 32
_MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How many of something have a size from ``least`` up to and with ``most``."""

    least: int
    most: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """How many different tokens the quantizer has read after so many rows.

    Attributes:
        rows: The first so many.
        distinct: Of the file, in its order.
        chosen: Of the rows in the order in which they were chosen, where they were.
        random_mean: Of so many random ones on average.
    """

    rows: int
    distinct: int
    chosen: int | None = None
    random_mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """A group's part of the mixture, in samples: 0 to 1."""

    asked: float
    achieved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """What a source's rows are.

    Attributes:
        share: Its part of the rows, 0 to 1.
        missing: Rows asked for that it did not give.
        waste_tokens: Those that are cut.
        waste: Their part of its tokens, 0 to 1.
        least: Tokens of its shortest row; 0 without rows.
        middle: Of its median row.
        most: Of its longest.
        documents: Documents of which a part stands in a row, on average; fillers not counted.
    """

    share: float
    missing: int
    waste_tokens: int
    waste: float
    least: int
    middle: float
    most: int
    documents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What of the file stands under one licence."""

    name: str
    sources: tuple[str, ...]
    rows: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All numbers of a report.

    Attributes:
        manifest: The record of the build.
        groups: By name, in the record's order, as the sources are.
        asked: Rows asked for of all sources.
        pool: Rows to choose from.
        tokens: Of all rows.
        tokens_read: Of them, those that the quantizer reads (its BOS is not counted).
        waste_tokens: Of them, those that are cut.
        waste: Their part, 0 to 1.
        special_tokens: BOS and the like, which the quantizer reads besides.
        documents_read: What came in and could be packed.
        documents_used: What stands in a row.
        document_lengths: Documents before packing by characters, in powers of two.
        row_tokens: Rows by tokens.
        row_documents: Rows by documents, in powers of two; fillers are not counted.
        coverage: Different tokens by number of rows.
        languages: What the prose is in.
        left_out: What did not come in, and why.
        licences: The most rows first.
    """

    manifest: Manifest
    groups: dict[str, GroupFigures]
    sources: dict[str, SourceFigures]
    asked: int
    pool: int
    tokens: int
    tokens_read: int
    waste_tokens: int
    waste: float
    special_tokens: int
    documents_read: int
    documents_used: int
    document_lengths: tuple[Bin, ...]
    row_tokens: tuple[Bin, ...]
    row_documents: tuple[Bin, ...]
    coverage: tuple[Point, ...]
    languages: LanguageMix
    left_out: LeftOut
    licences: tuple[Licence, ...]


def figures_of(
    manifest: Manifest,
    rows: Sequence[Row],
    control_tokens: ControlTokens,
    *,
    around: int = 0,
    listed: int = _MOST_LISTED,
) -> Figures:
    """Compute all numbers of a report.

    Args:
        manifest: The record of the build.
        rows: Those of its file.
        control_tokens: The spellings of its tokenizer's.
        around: Special tokens that the quantizer reads around each row's own.
        listed: Duplicates, and contaminated documents, of a source that are named.
    """
    sources = manifest.sources
    tokens = sum(source.tokens for source in sources)
    read = sum(source.tokens_read for source in sources)
    return Figures(
        manifest=manifest,
        groups=dict(_groups(manifest)),
        sources={source.name: _source(source, rows) for source in sources},
        asked=sum(source.asked for source in sources),
        pool=sum(source.pool for source in sources),
        tokens=tokens,
        tokens_read=read,
        waste_tokens=tokens - read,
        waste=_part(tokens - read, tokens),
        special_tokens=around * len(rows),
        documents_read=sum(source.documents_read for source in sources),
        documents_used=sum(source.documents_used for source in sources),
        document_lengths=_document_lengths(sources),
        row_tokens=_even_bins([row.tokens for row in rows]),
        row_documents=_doubling_bins([_documents_of(row) for row in rows]),
        coverage=tuple(_coverage(manifest, rows)),
        languages=language_mix(rows, control_tokens),
        left_out=left_out(manifest, listed),
        licences=_licences(sources),
    )


def _groups(manifest: Manifest) -> Iterator[tuple[str, GroupFigures]]:
    asked = sum(group.asked for group in manifest.groups)
    achieved = sum(group.achieved for group in manifest.groups)
    for group in manifest.groups:
        yield (
            group.name,
            GroupFigures(asked=_part(group.asked, asked), achieved=_part(group.achieved, achieved)),
        )


def _source(source: SourceReport, rows: Sequence[Row]) -> SourceFigures:
    own = [row for row in rows if row.source == source.name]
    tokens = [row.tokens for row in own]
    waste = source.tokens - source.tokens_read
    return SourceFigures(
        share=_part(source.achieved, len(rows)),
        missing=max(0, source.asked - source.achieved),
        waste_tokens=waste,
        waste=_part(waste, source.tokens),
        least=min(tokens, default=0),
        middle=float(median(tokens)) if tokens else 0.0,
        most=max(tokens, default=0),
        documents=_part(sum(map(_documents_of, own)), len(own)),
    )


def _documents_of(row: Row) -> int:
    return sum(not span.filler for span in row.documents)


def _part(some: int, of: int) -> float:
    return some / of if of else 0.0


def _document_lengths(sources: Iterable[SourceReport]) -> tuple[Bin, ...]:
    counts: Counter[int] = Counter()
    for source in sources:
        counts.update(source.document_lengths)
    return tuple(
        Bin(least=least, most=max(least, 2 * least - 1), count=counts[least]) for least in sorted(counts)
    )


def _even_bins(values: Sequence[int]) -> tuple[Bin, ...]:
    if not values:
        return ()
    first, last = min(values), max(values)
    width = -(-(last - first + 1) // _MOST_BINS)
    counts = Counter((value - first) // width for value in values)
    return tuple(
        Bin(least=first + i * width, most=first + (i + 1) * width - 1, count=counts[i])
        for i in range((last - first) // width + 1)
    )


def _doubling_bins(values: Sequence[int]) -> tuple[Bin, ...]:
    # 1, 2, 3 to 4, 5 to 8 …: a row of one document and one of two are not alike.
    counts = Counter((value - 1).bit_length() if value else -1 for value in values)
    if not counts:
        return ()
    return tuple(
        Bin(least=0 if i < 0 else (1 << i) // 2 + 1, most=0 if i < 0 else 1 << i, count=counts[i])
        for i in range(min(counts), max(counts) + 1)
    )


def _coverage(manifest: Manifest, rows: Sequence[Row]) -> Iterator[Point]:
    chosen = {point.rows: point for point in manifest.selection.curve} if manifest.selection else {}
    # The first rows bring the most, so they are marked more closely.
    marks = {len(rows) * i // _MOST_POINTS for i in range(1, _MOST_POINTS + 1)} | set(chosen)
    marks |= {1 << i for i in range(len(rows).bit_length())}
    for mark in sorted(mark for mark in marks if 0 < mark <= len(rows)):
        known = chosen.get(mark)
        yield Point(
            rows=mark,
            distinct=rows[mark - 1].distinct_so_far,
            chosen=known.chosen if known else None,
            random_mean=known.random_mean if known else None,
        )


def _licences(sources: Sequence[SourceReport]) -> tuple[Licence, ...]:
    found = [
        Licence(
            name=name,
            sources=tuple(source.name for source in sources if source.licence == name),
            rows=sum(source.achieved for source in sources if source.licence == name),
            tokens=sum(source.tokens_read for source in sources if source.licence == name),
        )
        for name in dict.fromkeys(source.licence for source in sources)
    ]
    return tuple(sorted(found, key=lambda licence: (-licence.rows, licence.name)))
