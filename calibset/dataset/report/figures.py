"""The numbers of a report, computed from a manifest, its rows and their tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from calibset.dataset.manifest import Manifest
from calibset.dataset.report.languages import LanguageMix, identify_languages
from calibset.dataset.report.rows import Row
from calibset.dataset.source_reports import SourceReport
from calibset.hygiene.decontamination import Contamination
from calibset.tokenizers import ControlTokens

_MOST_RANGES = 16
_MOST_POINTS = 32
_MOST_REPEATED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRange:
    """How many items have a size from ``least`` to ``most``, both included."""

    least: int
    most: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The different tokens that the quantizer has read after a number of rows.

    Attributes:
        rows: The number of rows.
        distinct: Different tokens of that many rows in the file's order.
        chosen: The same in the order in which the rows were chosen; None if they weren't.
        random_mean: The average for as many random rows.
    """

    rows: int
    distinct: int
    chosen: int | None = None
    random_mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """The numbers of a source's rows, and its documents that hold a part of an evaluation set.

    Attributes:
        share: The source's share of the rows, 0 to 1.
        missing: How many rows it was asked for but did not give.
        waste_tokens: How many of its tokens are cut.
        waste: The share of its tokens that is cut, 0 to 1.
        least: Tokens of its shortest row; 0 without rows.
        middle: Tokens of its median row.
        most: Tokens of its longest row.
        documents: Documents per row on average; fillers are not counted.
        contaminated: The documents that share words with an evaluation set, those that share most first.
    """

    share: float
    missing: int
    waste_tokens: int
    waste: float
    least: int
    middle: float
    most: int
    documents: float
    contaminated: tuple[Contamination, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedDocument:
    """A document of a source that was kept while others that repeat it were filtered.

    Attributes:
        source: The document's source.
        document: The document's id.
        repeats: How many documents that repeat it were filtered.
        least_similarity: The similarity of the least similar of these.
    """

    source: str
    document: str
    repeats: int
    least_similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFigures:
    """How many rows of a file, and tokens read of them, are under a licence."""

    name: str
    sources: tuple[str, ...]
    rows: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers of a report that its manifest does not state.

    Attributes:
        manifest: The record of the build.
        groups: Each group's achieved share of the rows, 0 to 1, by name.
        sources: The numbers of each source, by name.
        tokens_read: How many tokens of all rows the quantizer reads, not counting BOS.
        waste_tokens: How many tokens of all rows are cut.
        waste: The share of the rows' tokens that is cut, 0 to 1.
        special_tokens: How many special tokens, such as BOS, the quantizer reads besides.
        document_lengths: Documents before packing by characters, in powers of two.
        row_tokens: Rows by tokens.
        row_documents: Rows by documents, in powers of two; fillers are not counted.
        coverage: Different tokens by number of rows.
        languages: The languages of the prose.
        rejected: How many records could not be read.
        filtered: How many records were left out on purpose.
        most_repeated: The documents that most others repeat, up to ten.
        licences: The numbers of each licence, the one with the most rows first.
    """

    manifest: Manifest
    groups: dict[str, float]
    sources: dict[str, SourceFigures]
    tokens_read: int
    waste_tokens: int
    waste: float
    special_tokens: int
    document_lengths: tuple[SizeRange, ...]
    row_tokens: tuple[SizeRange, ...]
    row_documents: tuple[SizeRange, ...]
    coverage: tuple[Point, ...]
    languages: LanguageMix
    rejected: int
    filtered: int
    most_repeated: tuple[RepeatedDocument, ...]
    licences: tuple[LicenceFigures, ...]


def compute_figures(
    manifest: Manifest, rows: Sequence[Row], control_tokens: ControlTokens, *, around: int = 0
) -> Figures:
    """Return the numbers of a report.

    Args:
        manifest: The record of the build.
        rows: The rows of its file.
        control_tokens: The control tokens of its tokenizer.
        around: How many special tokens the quantizer reads around each row.
    """
    sources = manifest.sources
    tokens = sum(source.tokens for source in sources)
    tokens_read = sum(source.tokens_read for source in sources)
    achieved = sum(group.achieved for group in manifest.groups)
    return Figures(
        manifest=manifest,
        groups={group.name: _share(group.achieved, achieved) for group in manifest.groups},
        sources={source.name: _source(source, rows) for source in sources},
        tokens_read=tokens_read,
        waste_tokens=tokens - tokens_read,
        waste=_share(tokens - tokens_read, tokens),
        special_tokens=around * len(rows),
        document_lengths=_document_lengths(sources),
        row_tokens=_even_ranges([row.tokens for row in rows]),
        row_documents=_doubling_ranges([_count_documents(row) for row in rows]),
        coverage=tuple(_coverage(manifest, rows)),
        languages=identify_languages(rows, control_tokens),
        rejected=sum(sum(source.rejections.values()) for source in sources),
        filtered=sum(sum(source.filtered.values()) for source in sources),
        most_repeated=_most_repeated(sources),
        licences=_licences(sources),
    )


def _source(source: SourceReport, rows: Sequence[Row]) -> SourceFigures:
    own = [row for row in rows if row.source == source.name]
    tokens = [row.tokens for row in own]
    waste = source.tokens - source.tokens_read
    return SourceFigures(
        share=_share(source.achieved, len(rows)),
        missing=max(0, source.asked - source.achieved),
        waste_tokens=waste,
        waste=_share(waste, source.tokens),
        least=min(tokens, default=0),
        middle=float(median(tokens)) if tokens else 0.0,
        most=max(tokens, default=0),
        documents=_share(sum(map(_count_documents, own)), len(own)),
        contaminated=tuple(
            sorted(source.contaminated, key=lambda match: (-match.containment, -match.words, match.document))
        ),
    )


def _most_repeated(sources: Iterable[SourceReport]) -> tuple[RepeatedDocument, ...]:
    similarities: dict[tuple[str, str], list[float]] = {}
    for source in sources:
        for duplicate in source.duplicates:
            similarities.setdefault((duplicate.source, duplicate.kept), []).append(duplicate.similarity)
    ordered = sorted(similarities.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        RepeatedDocument(source=source, document=document, repeats=len(values), least_similarity=min(values))
        for (source, document), values in ordered[:_MOST_REPEATED]
    )


def _count_documents(row: Row) -> int:
    return sum(not span.filler for span in row.documents)


def _share(some: int, of: int) -> float:
    return some / of if of else 0.0


def _document_lengths(sources: Iterable[SourceReport]) -> tuple[SizeRange, ...]:
    counts: Counter[int] = Counter()
    for source in sources:
        counts.update(source.document_lengths)
    return tuple(
        SizeRange(least=least, most=max(least, 2 * least - 1), count=counts[least])
        for least in sorted(counts)
    )


def _even_ranges(values: Sequence[int]) -> tuple[SizeRange, ...]:
    if not values:
        return ()
    first, last = min(values), max(values)
    width = -(-(last - first + 1) // _MOST_RANGES)
    counts = Counter((value - first) // width for value in values)
    return tuple(
        SizeRange(least=first + i * width, most=first + (i + 1) * width - 1, count=counts[i])
        for i in range((last - first) // width + 1)
    )


def _doubling_ranges(values: Sequence[int]) -> tuple[SizeRange, ...]:
    # 1, 2, 3 to 4, 5 to 8 …: a row of one document and one of two are not alike.
    counts = Counter((value - 1).bit_length() if value else -1 for value in values)
    if not counts:
        return ()
    return tuple(
        SizeRange(least=0 if i < 0 else (1 << i) // 2 + 1, most=0 if i < 0 else 1 << i, count=counts[i])
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


def _licences(sources: Sequence[SourceReport]) -> tuple[LicenceFigures, ...]:
    figures = [
        LicenceFigures(
            name=name,
            sources=tuple(source.name for source in sources if source.licence == name),
            rows=sum(source.achieved for source in sources if source.licence == name),
            tokens=sum(source.tokens_read for source in sources if source.licence == name),
        )
        for name in dict.fromkeys(source.licence for source in sources)
    ]
    return tuple(sorted(figures, key=lambda licence: (-licence.rows, licence.name)))
