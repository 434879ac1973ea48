"""Plain documents packed into rows: short ones are joined, long ones are split.

1. Documents are joined with a blank line, in the order they come, until one of them brings the row to
   ``seqlen`` tokens. Where control tokens are kept, texts that a chat template has rendered are joined as
   conversations are: with the BOS that each begins with.
2. That document is cut. Cuts are proposed best first: the end of a sentence or line within ``slack`` tokens
   past ``seqlen``, then the end of a word there, then the end of any token.
3. Each proposal is checked as a whole row (`RowSpec.check_row`), and the first without a fault is yielded.
4. A piece that would spoil any row is left out; if the piece is good, the row begun before it is left out.
5. The rest of the document begins the next row. After ``max_rows_per_document`` rows it waits in a queue
   until every other document has had its turn.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from calibset.core.documents import Document, Filtered, Sample, Span
from calibset.packing.row_spec import SEPARATOR, Packed, RowSpec
from calibset.tokenizers.base import Encoded
from calibset.tokenizers.engine_faults import locate_faults

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|\Z)|(?=\n)|\Z")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")

# Tokens past the slack at which a cut is still tried before a document is given up.
_LAST_RESORT = 64
# Characters that a token is at first taken to have: above most languages' mean.
_CHARACTERS_PER_TOKEN = 5
_LONG_HEAD = 2**18


@dataclass(frozen=True, slots=True)
class _Remainder:
    """The part of a document that is in no row yet.

    Attributes:
        document: The whole document.
        start: The character at which the remainder begins.
        opened: Whether BOS was taken off there.
        rows: How many rows the document has given in this turn.
        is_suspect: Whether the piece before it was left out for a fault.
    """

    document: Document
    start: int = 0
    opened: bool = False
    rows: int = 0
    is_suspect: bool = False

    @property
    def text(self) -> str:
        return self.document.text[self.start :]

    def skip(self, piece: str, bos: str) -> _Remainder | None:
        """Return what follows a first piece, and the white space and BOS after it; None if nothing does."""
        text, start, opened = self.document.text, self.start + len(piece), False
        while start < len(text) and (text[start].isspace() or (bos and text.startswith(bos, start))):
            opened = opened or not text[start].isspace()
            start += 1 if text[start].isspace() else len(bos)
        return replace(self, start=start, opened=opened) if start < len(text) else None


@dataclass(frozen=True, slots=True)
class _PartialRow:
    """A row that isn't full yet.

    Attributes:
        text: The documents so far.
        tokens: How many tokens they have, with what follows the last one.
        spans: Their spans.
        following: What follows the last one if a control token ends it; None if a blank line does.
    """

    text: str = ""
    tokens: int = 0
    spans: tuple[Span, ...] = ()
    following: str | None = None

    def add(
        self,
        document: Document,
        piece: str,
        separator: str = "",
        tokens: int = 0,
        following: str | None = None,
    ) -> _PartialRow:
        before = self.text + separator
        end = len(before) + len(piece)
        span = Span(document=document.id, start=len(before), end=end, whole=len(piece) == len(document.text))
        return _PartialRow(before + piece, self.tokens + tokens, (*self.spans, span), following)


@dataclass(frozen=True, slots=True)
class _Step:
    """The result of adding a document to a row: the row to go on with, and the rest of the document."""

    row: _PartialRow
    remainder: _Remainder | None = None
    packed: tuple[Packed, ...] = ()


def pack_documents(documents: Iterable[Document], spec: RowSpec) -> Iterator[Packed]:
    """Yield the tightest rows that can be made of the documents, in the order in which they come.

    Args:
        documents: Texts that are not empty, without white space around them.
        spec: The length of a row, the tokenizer and the source's name.

    Yields:
        Samples, and a `Filtered` for each document, or part of one, that ends up in no row.
    """
    queue: deque[_Remainder] = deque()
    row = _PartialRow()
    for first in _take_turns(documents, queue):
        remainder: _Remainder | None = first
        while remainder is not None:
            with locate_faults(f"sources.{spec.source}: {remainder.document.id}"):
                step = _add_to_row(row, remainder, spec)
            yield from step.packed
            row, remainder = step.row, step.remainder
            if remainder is not None and remainder.rows >= spec.max_rows_per_document:
                # From its second turn on it gives one row at a time.
                queue.append(replace(remainder, rows=spec.max_rows_per_document - 1, is_suspect=False))
                remainder = None
    yield from _filter_spans(row.spans, "too little left for a row")


def _take_turns(documents: Iterable[Document], queue: deque[_Remainder]) -> Iterator[_Remainder]:
    for document in documents:
        yield _Remainder(document, opened=document.opened)
    while queue:
        yield queue.popleft()


def _add_to_row(row: _PartialRow, remainder: _Remainder, spec: RowSpec) -> _Step:
    document = remainder.document
    need = max(1, spec.seqlen - row.tokens)
    separator = _separate(row, remainder, spec)
    following = document.ending + spec.bos_text if document.text.endswith(spec.control_tokens) else None
    counted = SEPARATOR if following is None else following
    head, encoded = _encode_head(remainder, need + spec.slack + _LAST_RESORT, counted, spec)
    is_all = remainder.start + len(head) == len(document.text)
    longer = _Step(row.add(document, head, separator, len(encoded.ids), following))
    if is_all and len(encoded.ids) < need:
        return longer
    for cut in _propose_cuts(head, encoded, need, spec.slack):
        piece = head[:cut].rstrip()
        if not piece:  # the first token ends inside a character
            continue
        full = row.add(document, piece, separator)
        check = spec.check_row(full.text, control_tokens=spec.parse_special)
        if check.fault is None:
            sample = Sample(
                text=full.text, token_ids=check.token_ids, source=spec.source, documents=full.spans
            )
            rest = replace(remainder, rows=remainder.rows + 1, is_suspect=False).skip(piece, spec.bos_text)
            return _Step(_PartialRow(), rest, (sample,))
        if check.fault != "too short":
            return _leave_out_fault(row, remainder, piece, check.fault, spec)
    if is_all and len(encoded.ids) <= need + spec.slack:
        return longer
    return _Step(row, None, _filter_piece(document, remainder.text, "no place to cut it"))


def _leave_out_fault(row: _PartialRow, remainder: _Remainder, piece: str, fault: str, spec: RowSpec) -> _Step:
    """Leave out the piece that spoils a row, or else the row that was begun before it."""
    if row.text and not _is_faulty(piece, fault, spec):
        return _Step(_PartialRow(), remainder, _filter_spans(row.spans, fault))
    # After two such pieces on end the rest is taken to be no better.
    following = (
        None if remainder.is_suspect else replace(remainder, is_suspect=True).skip(piece, spec.bos_text)
    )
    lost = piece if following else remainder.text
    return _Step(row, following, _filter_piece(remainder.document, lost, fault))


def _is_faulty(piece: str, fault: str, spec: RowSpec) -> bool:
    check = spec.check_row(piece, control_tokens=spec.parse_special)
    if check.fault != "too short":
        return check.fault == fault
    # Too short to be judged as a row: half of what would spoil one is enough.
    return check.token_ids.count(check.token_ids[-1]) > spec.seqlen // 4


def _separate(row: _PartialRow, remainder: _Remainder, spec: RowSpec) -> str:
    """Return what stands in a row between what it holds and the document that is added."""
    if not row.text:
        return ""
    if row.following is not None:
        return row.following
    begins_anew = remainder.opened or remainder.document.text.startswith(spec.control_tokens, remainder.start)
    return spec.bos_text if begins_anew and spec.bos_text else SEPARATOR


def _encode_head(remainder: _Remainder, tokens: int, following: str, spec: RowSpec) -> tuple[str, Encoded]:
    """Return the beginning of a remainder, of at least ``tokens`` tokens if it has them, and its tokens.

    What follows the document is counted with its end.
    """
    text, start = remainder.document.text, remainder.start
    length = tokens * _CHARACTERS_PER_TOKEN
    while True:
        head = text[start : start + length]
        is_all = start + length >= len(text)
        measured = head + following if is_all else head
        encoded = spec.tokenizer.encode_with_ends(measured, parse_special=spec.parse_special)
        if is_all or len(encoded.ids) >= tokens:
            return head, encoded
        # So many letters without enough tokens may be a single one, a word that the vocabulary doesn't have.
        length *= 2 if length < _LONG_HEAD else 8


def _propose_cuts(head: str, encoded: Encoded, need: int, slack: int) -> Iterator[int]:
    """Yield character offsets to cut at, the best first, none twice."""
    ends = [min(end, len(head)) for end in encoded.ends[need - 1 : need + slack + _LAST_RESORT]]
    if not ends:
        return
    first, last = ends[0], ends[min(slack, len(ends) - 1)]
    sentence_ends = _find_ends(_SENTENCE_END, head, first, last)[:1]
    word_ends = _find_ends(_WORD_END, head, first, last)[:4]
    yield from dict.fromkeys([*sentence_ends, *word_ends, *ends])


def _find_ends(pattern: re.Pattern[str], text: str, first: int, last: int) -> list[int]:
    # From a little before, since a full stop stands before the offset where its sentence ends.
    matches = pattern.finditer(text, max(0, first - 8), min(last + 8, len(text)))
    return [match.end() for match in matches if first <= match.end() <= last]


def _filter_piece(document: Document, piece: str, reason: str) -> tuple[Filtered, ...]:
    return _filter_spans(_PartialRow().add(document, piece).spans, reason)


def _filter_spans(spans: tuple[Span, ...], reason: str) -> tuple[Filtered, ...]:
    return tuple(
        Filtered(position=span.document, reason=reason if span.whole else f"{reason} (a part of it)")
        for span in spans
    )
