"""Conversations into rows: whole ones inside what the quantizer reads, a filler for the cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from calibset.core.documents import Filtered, Sample, Span
from calibset.packing.row_spec import Packed, RowSpec
from calibset.tokenizers.chat_templates.base import Rendered

TOO_LONG = "longer than a row (its head may be a filler)"
"""Why a conversation that no row holds is filtered."""

# Conversations to choose from when a row's gap is filled: enough to find a good fit, few
# enough that none waits long.
_POOL = 48
# Heads of conversations that are kept for use as fillers.
_HEADS = 16
# A gap of up to one part in so many of the row is small.
_SMALL_GAP = 32
# Tokens past the wanted end at which the filler's cut is tried.
_LAST_RESORT = 64


@dataclass(slots=True)
class _Buffer:
    """Conversations that wait for a row.

    Attributes:
        pool: Those that fit into one, in the order they came.
        long: The last few that no row holds whole; their heads make fillers.
        spent: The last few whose heads were fillers.
    """

    pool: list[Rendered] = field(default_factory=list)
    long: deque[Rendered] = field(default_factory=lambda: deque(maxlen=_HEADS))
    spent: deque[Rendered] = field(default_factory=lambda: deque(maxlen=_HEADS))


def pack_conversations(conversations: Iterable[Rendered], rule: RowSpec) -> Iterator[Packed]:
    """Yield rows of whole conversations, each with a labelled filler at its end.

    The conversation that came first opens a row; then the largest that fits is added until
    none does (best fit). All of them end inside the ``rule.read`` tokens that the quantizer
    reads. The head of one more conversation, a filler, brings the row to ``seqlen`` tokens
    and takes the quantizer's cut.

    Args:
        conversations: Rendered for the target model.
        rule: Length, tokenizer and name.

    Yields:
        Samples, and a `Filtered` for each conversation that stands whole in none.
    """
    supply = iter(conversations)
    stock = _Buffer()
    while True:
        yield from _refill(stock, supply, rule)
        if not stock.pool:
            return
        row = _best_fit(stock.pool, rule.read)
        filled = _filled(row, stock, rule)
        if isinstance(filled, Sample):
            yield filled
        else:
            for conversation in row:
                yield Filtered(position=conversation.id, reason=filled)


def _refill(stock: _Buffer, supply: Iterator[Rendered], rule: RowSpec) -> Iterator[Filtered]:
    while len(stock.pool) < _POOL and (conversation := next(supply, None)) is not None:
        if len(conversation.token_ids) <= rule.read:
            stock.pool.append(conversation)
        else:
            stock.long.append(conversation)
            yield Filtered(position=conversation.id, reason=TOO_LONG)


def _best_fit(pool: list[Rendered], text_budget: int) -> list[Rendered]:
    """Take from the pool its first conversation and those that fill the room best."""
    row = [pool.pop(0)]
    text_budget -= len(row[0].token_ids)
    while True:
        fitting = [c for c in pool if len(c.opening_ids) + len(c.token_ids) <= text_budget]
        if not fitting:
            return row
        best = max(fitting, key=lambda c: len(c.token_ids))
        pool.remove(best)
        row.append(best)
        text_budget -= len(best.opening_ids) + len(best.token_ids)


def _filled(row: list[Rendered], stock: _Buffer, rule: RowSpec) -> Sample | str:
    """Complete a row with a filler, or say why that can't be done."""
    text, ids, spans = _joined(row)
    need = rule.seqlen - len(ids)
    reason = "too little left for a row"
    for filler in _fillers(stock, need, rule):
        for cut in _cuts(filler, need, rule):
            full = (text + filler.opening_text + filler.text[:cut]).rstrip()
            proof = rule.check_row(full, control_tokens=True)
            if proof.flaw is None:
                if proof.token_ids[: len(ids)] != ids:
                    return "read otherwise behind another conversation"
                _spend(filler, stock)
                return _sample(row, filler, full, proof.token_ids, spans, rule)
            reason = proof.flaw if proof.flaw != "too short" else reason
    return reason


def _joined(row: list[Rendered]) -> tuple[str, tuple[int, ...], list[Span]]:
    """Return the row's text, the ids that it must be read as, and where each conversation stands in it."""
    text, spans = "", []
    ids: tuple[int, ...] = ()
    for conversation in row:
        if text:
            text += conversation.opening_text
            ids += conversation.opening_ids
        start = len(text)
        text += conversation.text
        ids += conversation.token_ids
        whole = not conversation.shortened
        spans.append(Span(document=conversation.id, start=start, end=len(text), whole=whole))
    return text, ids, spans


def _fillers(stock: _Buffer, need: int, rule: RowSpec) -> list[Rendered]:
    """Return conversations that could fill the gap, the best first.

    One that no row holds whole comes first; then the last to arrive whose first assistant turn
    begins past the cut, so that no turn is shown half. A small gap is no reason to behead a
    conversation that could stand whole elsewhere, so a head is used again there; a large one it
    does not fill, since it may not make a row.
    """
    fresh = [c for c in reversed(stock.pool) if c.turns and c.turns[0].start > need] or stock.pool[::-1]
    long = [stock.long[0]] if stock.long else []
    again = [stock.spent[0]] if stock.spent else []
    if need <= rule.seqlen // _SMALL_GAP:
        return [*long, *again, *fresh[:2]]
    return [*long, *fresh[:2], *(again if need <= rule.read // 4 else [])]


def _cuts(filler: Rendered, need: int, rule: RowSpec) -> Iterator[int]:
    first = max(0, need - len(filler.opening_ids) - 1)
    # The whole opening may do; but an empty filler would leave a span of nothing.
    ends = rule.tokenizer.encode_with_ends(filler.text, parse_special=True).ends
    yield from dict.fromkeys(ends[first : first + _LAST_RESORT])


def _spend(filler: Rendered, stock: _Buffer) -> None:
    for waiting in (stock.pool, stock.long, stock.spent):
        if filler in waiting:
            waiting.remove(filler)
            break
    stock.spent.append(filler)


def _sample(
    row: list[Rendered], filler: Rendered, text: str, ids: tuple[int, ...], spans: list[Span], rule: RowSpec
) -> Sample:
    before = sum(len(c.token_ids) for c in row) + sum(len(c.opening_ids) for c in row[1:])
    start = before + len(filler.opening_ids)
    complete = sum(len(c.turns) for c in row)
    read = min(len(ids), rule.read)
    begun = [turn for turn in filler.turns if start + turn.start < read]
    ended = [turn for turn in begun if start + turn.end <= rule.read]
    head = Span(
        document=filler.id,
        start=spans[-1].end + len(filler.opening_text),
        end=len(text),
        whole=False,
        filler=True,
    )
    return Sample(
        text=text,
        token_ids=ids,
        source=rule.source,
        documents=(*spans, head),
        turns=complete + len(begun),
        complete_turns=complete + len(ended),
        filler_tokens=max(0, read - start),
    )
