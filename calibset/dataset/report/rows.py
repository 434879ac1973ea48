"""The rows of a file as its tokenizer reads them, split into segments of one document each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from calibset.core.documents import Sample, Span
from calibset.core.text import printable, printable_pieces
from calibset.dataset.calibration_file import EncodedRow
from calibset.dataset.manifest import Manifest
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.truncation import text_budget, visible_ids

CONTROL, BEYOND, SPELLED = 1, 2, 4
"""Flags of a piece of text: a control token, text that is not read, a character that is spelled out."""

BETWEEN, WHOLE, PART, FILLER = range(4)
"""Kinds of segments: text between documents, a whole document, a part of one, a filler."""

Piece = tuple[int, str]
"""Flags, and text in which nothing can steer a page."""

Segment = tuple[str, int, list[Piece]]
"""A document's id, the segment's kind, and its pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row, and the part of it that the quantizer reads.

    Attributes:
        number: The row's line in the file, counted from 1.
        source: The name of the source it comes from.
        text: The row's text.
        tokens: How many tokens the text has, without BOS.
        read_to: How many characters of the text the quantizer reads; the rest is cut.
        distinct_so_far: Different tokens that the quantizer reads of this row and all rows before it.
        documents: The spans of the documents in the text, in order.
    """

    number: int
    source: str
    text: str
    tokens: int
    read_to: int
    distinct_so_far: int
    documents: tuple[Span, ...]


def read_rows(encoded: Iterable[EncodedRow], manifest: Manifest, tokenizer: Tokenizer) -> tuple[Row, ...]:
    """Return the rows of a file.

    Args:
        encoded: The encoded rows, in the order of the file.
        manifest: The file's manifest, which has a sample for each row.
        tokenizer: The tokenizer that measured the rows.
    """
    seen: set[int] = set()
    rows = []
    most = text_budget(tokenizer, manifest.seqlen)
    for row, sample in zip(encoded, manifest.samples, strict=True):
        ids, ends = row.encoded.ids, row.encoded.ends
        seen.update(visible_ids(ids, tokenizer, manifest.seqlen))
        rows.append(
            Row(
                number=row.number,
                source=sample.source,
                text=row.text,
                tokens=len(ids),
                read_to=ends[most - 1] if 0 < most < len(ids) else len(row.text),
                distinct_so_far=len(seen),
                documents=sample.documents,
            )
        )
    return tuple(rows)


def convert_samples(
    samples: Sequence[Sample], seqlen: int, tokenizer: Tokenizer, located: int
) -> tuple[Row, ...]:
    """Return the rows of a set in memory, which need not be encoded again.

    Args:
        samples: The samples of the set.
        seqlen: How many tokens of a row are read, including special tokens around it.
        tokenizer: The tokenizer that measured the rows.
        located: How many of the first rows get an exact ``read_to``; for the others it is their end.
    """
    seen: set[int] = set()
    rows = []
    most = text_budget(tokenizer, seqlen)
    for number, sample in enumerate(samples, 1):
        seen.update(visible_ids(sample.token_ids, tokenizer, seqlen))
        read_to = len(sample.text)
        if number <= located and 0 < most < len(sample.token_ids):
            ends = tokenizer.encode_with_ends(sample.text, parse_special=True).ends
            read_to = ends[most - 1] if most <= len(ends) else read_to
        rows.append(
            Row(
                number=number,
                source=sample.source,
                text=sample.text,
                tokens=len(sample.token_ids),
                read_to=read_to,
                distinct_so_far=len(seen),
                documents=sample.documents,
            )
        )
    return tuple(rows)


def split_row(row: Row, control_tokens: ControlTokens) -> list[Segment]:
    """Split a row into segments, each of one document or of the text between two."""
    segments: list[Segment] = []
    position = 0
    for span in row.documents:
        start, end = max(position, span.start), max(position, span.end)
        if start > position:
            segments.append(("", BETWEEN, list(_pieces(row, position, start, control_tokens))))
        kind = FILLER if span.filler else WHOLE if span.whole else PART
        segments.append((printable(span.document), kind, list(_pieces(row, start, end, control_tokens))))
        position = end
    if position < len(row.text):
        segments.append(("", BETWEEN, list(_pieces(row, position, len(row.text), control_tokens))))
    return segments


def _pieces(row: Row, start: int, end: int, control_tokens: ControlTokens) -> Iterator[Piece]:
    for first, last, beyond in (
        (start, min(end, row.read_to), 0),
        (max(start, row.read_to), end, BEYOND),
    ):
        if first < last:
            for piece, is_control in control_tokens.pieces(row.text[first:last]):
                if is_control:
                    yield CONTROL | beyond, printable(piece)
                else:
                    for text, spelled in printable_pieces(piece):
                        yield (SPELLED if spelled else 0) | beyond, text
