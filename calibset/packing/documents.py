"""Plain documents into rows: short ones joined, long ones split, every row proven."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from calibset.core.documents import Document, Filtered, Sample, Span
from calibset.packing.row_spec import SEPARATOR, Packed, RowSpec
from calibset.tokenizers.base import Encoded

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|\Z)|(?=\n)|\Z")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")

# Tokens past the slack at which a cut is still tried before a document is given up.
_LAST_RESORT = 64
# Characters that a token is at first taken to have: above most languages' mean.
_CHARACTERS_PER_TOKEN = 5


@dataclass(frozen=True, slots=True)
class _Rest:
    """A document from some character on.

    Attributes:
        document: All of it.
        start: Its first character that no row has been made of.
        rows: Rows that it has given in this turn.
        spoiled: Whether the piece before ``start`` could be in no row.
    """

    document: Document
    start: int = 0
    rows: int = 0
    spoiled: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that isn't full yet. Its last document's tokens are counted with a separator."""

    text: str = ""
    tokens: int = 0
    spans: tuple[Span, ...] = ()

    def with_piece(self, rest: _Rest, piece: str, tokens: int) -> _Row:
        before = self.text + SEPARATOR if self.text else ""
        end = len(before) + len(piece)
        whole = len(piece) == len(rest.document.text)
        span = Span(document=rest.document.id, start=len(before), end=end, whole=whole)
        return _Row(before + piece, self.tokens + tokens, (*self.spans, span))


@dataclass(frozen=True, slots=True)
class _Step:
    """What came of putting a document's rest into a row."""

    row: _Row
    rest: _Rest | None = None
    packed: tuple[Packed, ...] = ()


def pack_documents(documents: Iterable[Document], rule: RowSpec) -> Iterator[Packed]:
    """Yield the tightest rows that the documents give, in the order they come.

    A row ends at the first place past ``seqlen`` tokens where a sentence or line ends, if one
    comes within ``rule.slack`` tokens; else where a word ends; never inside a character. What
    follows the cut begins the next row, unless the document has given as many rows as
    ``rule.max_rows_per_document``: then it waits until every other has had its turn.

    Args:
        documents: Texts that are not empty, without white space around them.
        rule: Length, tokenizer and name.

    Yields:
        Samples, and a `Filtered` for each document, or part of one, that ends up in no row.
    """
    later: deque[_Rest] = deque()
    row = _Row()
    for waiting in _in_turn(documents, later):
        rest: _Rest | None = waiting
        while rest is not None:
            step = _fill(row, rest, rule)
            yield from step.packed
            row, rest = step.row, step.rest
            if rest is not None and rest.rows >= rule.max_rows_per_document:
                later.append(_Rest(rest.document, rest.start, rule.max_rows_per_document - 1))
                rest = None
    yield from _left_out(row.spans, "too little left for a row")


def _in_turn(documents: Iterable[Document], later: deque[_Rest]) -> Iterator[_Rest]:
    for document in documents:
        yield _Rest(document)
    while later:
        yield later.popleft()


def _fill(row: _Row, rest: _Rest, rule: RowSpec) -> _Step:
    need = max(1, rule.seqlen - row.tokens)
    head, encoded = _head(rest, need + rule.slack + _LAST_RESORT, rule)
    reaches_end = rest.start + len(head) == len(rest.document.text)
    if reaches_end and len(encoded.ids) < need:
        return _Step(row.with_piece(rest, head, len(encoded.ids)))
    for cut in _cuts(head, encoded, need, rule.slack):
        piece = head[:cut].rstrip()
        if not piece:  # the first token ends inside a character
            continue
        full = row.with_piece(rest, piece, 0)
        proof = rule.check_row(full.text, control_tokens=rule.parse_special)
        if proof.flaw is None:
            sample = Sample(
                text=full.text, token_ids=proof.token_ids, source=rule.source, documents=full.spans
            )
            return _Step(_Row(), _after(rest, rest.start + len(piece)), (sample,))
        if proof.flaw != "too short":
            return _without_fault(row, rest, piece, proof.flaw, rule)
    if reaches_end and len(encoded.ids) <= need + rule.slack:
        return _Step(row.with_piece(rest, head, len(encoded.ids)))
    end = _Row().with_piece(rest, rest.document.text[rest.start :], 0)
    return _Step(row, None, _left_out(end.spans, "no place to cut it"))


def _without_fault(row: _Row, rest: _Rest, piece: str, flaw: str, rule: RowSpec) -> _Step:
    """Leave out the piece that spoils a row, or else the row that was begun before it."""
    if row.text and not _spoils(piece, flaw, rule):
        return _Step(_Row(), rest, _left_out(row.spans, flaw))
    # The second time on end the rest is taken to be no better.
    behind = None if rest.spoiled else _after(rest, rest.start + len(piece), spoiled=True)
    lost = piece if behind else rest.document.text[rest.start :]
    return _Step(row, behind, _left_out(_Row().with_piece(rest, lost, 0).spans, flaw))


def _spoils(piece: str, flaw: str, rule: RowSpec) -> bool:
    proof = rule.check_row(piece, control_tokens=rule.parse_special)
    if proof.flaw != "too short":
        return proof.flaw == flaw
    # Too short to be judged as a row: half of what would spoil one is enough.
    return proof.token_ids.count(proof.token_ids[-1]) > rule.seqlen // 4


def _head(rest: _Rest, tokens: int, rule: RowSpec) -> tuple[str, Encoded]:
    """Return the rest's beginning, of so many tokens at least if it has them, and its tokens."""
    text = rest.document.text
    length = tokens * _CHARACTERS_PER_TOKEN
    while True:
        head = text[rest.start : rest.start + length]
        ends_here = rest.start + length >= len(text)
        measured = head + SEPARATOR if ends_here else head
        encoded = rule.tokenizer.encode_with_ends(measured, parse_special=rule.parse_special)
        if ends_here or len(encoded.ids) >= tokens:
            return head, encoded
        length *= 2


def _cuts(head: str, encoded: Encoded, need: int, slack: int) -> Iterator[int]:
    """Yield character offsets to cut at, the best first, none twice."""
    ends = [min(end, len(head)) for end in encoded.ends[need - 1 : need + slack + _LAST_RESORT]]
    if not ends:
        return
    first, last = ends[0], ends[min(slack, len(ends) - 1)]
    better = [*_places(_SENTENCE_END, head, first, last)[:1], *_places(_WORD_END, head, first, last)[:4]]
    yield from dict.fromkeys([*better, *ends])


def _places(pattern: re.Pattern[str], text: str, first: int, last: int) -> list[int]:
    # From a little before, since the stop itself stands before the place where a sentence ends.
    found = (match.end() for match in pattern.finditer(text, max(0, first - 8), min(last + 8, len(text))))
    return [place for place in found if first <= place <= last]


def _after(rest: _Rest, start: int, *, spoiled: bool = False) -> _Rest | None:
    text = rest.document.text
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text):
        return None
    return _Rest(rest.document, start, rest.rows if spoiled else rest.rows + 1, spoiled)


def _left_out(spans: tuple[Span, ...], reason: str) -> tuple[Filtered, ...]:
    return tuple(
        Filtered(position=span.document, reason=reason if span.whole else f"{reason} (a part of it)")
        for span in spans
    )
