"""Conversations packed into rows: whole ones within what the quantizer reads, then a filler for its cut.

1. 48 conversations wait in a pool, or as many more as it takes to fill two rows. A conversation that is
   longer than a row never enters it, but its head may be a filler.
2. The conversation that came first opens a row; then the longest that still fits is added until none does
   (best fit). Each but the first is preceded by the BOS that it begins with in training.
3. All of them end inside the ``text_budget`` tokens that the quantizer reads. The *filler*, the head of
   one more conversation, brings the row to ``seqlen`` tokens and takes the quantizer's cut.
4. Fillers and their cuts are tried best first, and each row is checked whole (`RowSpec.check_row`). The
   conversations before the filler must get the same ids as when they are read alone.
5. A conversation whose head was a filler leaves the pool. The heads used last may fill small gaps again,
   the oldest first. Once what is left of a corpus is less than two rows, a conversation whose head fills
   up to a quarter of a row stays in the pool, so that a small corpus gives more rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from calibset.core.documents import Filtered, Sample, Span
from calibset.packing.row_spec import Packed, RowSpec
from calibset.tokenizers.chat_templates.base import RenderedConversation
from calibset.tokenizers.engine_faults import locate_faults

TOO_LONG = "longer than a row (its head may be a filler)"
"""The reason for filtering a conversation that is longer than a row."""

# Conversations to choose from when a row's gap is filled: enough to find a good fit, few
# enough that none waits long.
_POOL = 48
# Heads of conversations that are kept for use as fillers.
_HEADS = 16
# A gap of up to one part in so many of the row is small.
_SMALL_GAP = 32
# Characters that a token is at first taken to have: twice most languages' mean.
_CHARACTERS_PER_TOKEN = 10
# Tokens past the wanted end at which the filler's cut is tried.
_LAST_RESORT = 64


@dataclass(slots=True)
class _Buffer:
    """Conversations that wait for a row.

    Attributes:
        pool: The conversations that fit into a row, in the order in which they came.
        too_long: The last few that are longer than a row; their heads make fillers.
        used: The last few whose heads were fillers.
        is_last: Whether no more conversations come.
    """

    pool: list[RenderedConversation] = field(default_factory=list)
    too_long: deque[RenderedConversation] = field(default_factory=lambda: deque(maxlen=_HEADS))
    used: deque[RenderedConversation] = field(default_factory=lambda: deque(maxlen=_HEADS))
    is_last: bool = False

    def refill(self, conversations: Iterator[RenderedConversation], spec: RowSpec) -> Iterator[Filtered]:
        """Fill the pool, and yield the conversations that are too long for it."""
        tokens = self._count_tokens()
        while (len(self.pool) < _POOL or tokens < 2 * spec.seqlen) and not self.is_last:
            conversation = next(conversations, None)
            if conversation is None:
                self.is_last = True
            elif len(conversation.token_ids) <= spec.text_budget:
                self.pool.append(conversation)
                tokens += len(conversation.token_ids)
            else:
                self.too_long.append(conversation)
                yield Filtered(position=conversation.id, reason=TOO_LONG)

    def take_best_fit(self, budget: int) -> list[RenderedConversation]:
        """Take the first conversation from the pool, and those that best fill the remaining tokens."""
        row = [self.pool.pop(0)]
        budget -= len(row[0].token_ids)
        # What was too long for what was left is too long for less.
        for conversation in sorted(self.pool, key=lambda c: -len(c.token_ids)):
            if (tokens := len(conversation.bos_ids) + len(conversation.token_ids)) <= budget:
                row.append(conversation)
                budget -= tokens
        taken = set(map(id, row))
        self.pool = [conversation for conversation in self.pool if id(conversation) not in taken]
        return row

    def rank_fillers(
        self, need: int, row: Sequence[RenderedConversation], spec: RowSpec
    ) -> list[RenderedConversation]:
        """Return conversations whose heads could fill a gap of ``need`` tokens, the best first.

        A conversation that is longer than a row comes first; then the last to arrive whose first
        assistant turn begins past the cut, so that no turn is cut in half. A small gap is no reason to
        behead a conversation that could be whole in another row, so it is filled with a used head. A
        used head never fills a large gap, since it must not make up a row.
        """
        fresh = [c for c in reversed(self.pool) if c.turns and c.turns[0].start > need] or self.pool[::-1]
        too_long = [self.too_long[0]] if self.too_long else []
        used = [c for c in self.used if c not in row][:1]
        if need <= spec.seqlen // _SMALL_GAP:
            return [*too_long, *used, *fresh[:2]]
        return [*too_long, *fresh[:2], *(used if _is_part_of_row(need, spec) else [])]

    def use_head(self, filler: RenderedConversation, need: int, spec: RowSpec) -> None:
        """Move a conversation to the used heads, unless a nearly empty pool can spare no conversation."""
        stays = self._is_nearly_empty(spec) and _is_part_of_row(need, spec)
        for waiting in (self.too_long, self.used) if stays else (self.pool, self.too_long, self.used):
            if filler in waiting:
                waiting.remove(filler)
                break
        self.used.append(filler)

    def _is_nearly_empty(self, spec: RowSpec) -> bool:
        """Return whether no more conversations come, and those that wait would not fill two rows."""
        return self.is_last and self._count_tokens() < 2 * spec.seqlen

    def _count_tokens(self) -> int:
        return sum(len(conversation.token_ids) for conversation in self.pool)


def _is_part_of_row(need: int, spec: RowSpec) -> bool:
    """Return whether a head of so many tokens is too short to make up a row."""
    return need <= spec.text_budget // 4


@dataclass(frozen=True, slots=True)
class _WholeConversations:
    """Whole conversations, joined as the beginning of a row.

    Attributes:
        text: The texts of the conversations, with BOS between them.
        token_ids: The ids that the text must be read as.
        spans: The span of each conversation in the text.
        turns: How many assistant turns they have.
    """

    text: str
    token_ids: tuple[int, ...]
    spans: tuple[Span, ...]
    turns: int


def pack_conversations(conversations: Iterable[RenderedConversation], spec: RowSpec) -> Iterator[Packed]:
    """Yield rows of whole conversations, each with a labelled filler at its end.

    Args:
        conversations: Conversations rendered for the target model.
        spec: The length of a row, the tokenizer and the source's name.

    Yields:
        Samples, and a `Filtered` for each conversation that no sample holds whole.
    """
    arriving = iter(conversations)
    buffer = _Buffer()
    while True:
        yield from buffer.refill(arriving, spec)
        if not buffer.pool:
            return
        row = buffer.take_best_fit(spec.text_budget)
        with locate_faults(f"sources.{spec.source}: a row that begins with {row[0].id}"):
            packed = _complete_row(row, buffer, spec)
        if isinstance(packed, Sample):
            yield packed
        else:
            for conversation in row:
                yield Filtered(position=conversation.id, reason=packed)


def _join(conversations: list[RenderedConversation]) -> _WholeConversations:
    text, spans = "", []
    ids: tuple[int, ...] = ()
    for conversation in conversations:
        if text:
            text += conversation.bos_text
            ids += conversation.bos_ids
        start = len(text)
        text += conversation.text
        ids += conversation.token_ids
        whole = not conversation.shortened
        spans.append(Span(document=conversation.id, start=start, end=len(text), whole=whole))
    turns = sum(len(conversation.turns) for conversation in conversations)
    return _WholeConversations(text, ids, tuple(spans), turns)


def _complete_row(conversations: list[RenderedConversation], buffer: _Buffer, spec: RowSpec) -> Sample | str:
    """Complete a row with a filler, or return why that can't be done."""
    row = _join(conversations)
    need = spec.seqlen - len(row.token_ids)
    reason = "too little left for a row"
    for filler in buffer.rank_fillers(need, conversations, spec):
        for cut in _propose_cuts(filler, need, spec):
            text = (row.text + filler.bos_text + filler.text[:cut]).rstrip()
            check = spec.check_row(text)
            if check.fault is None:
                if check.token_ids[: len(row.token_ids)] != row.token_ids:
                    return "read otherwise behind another conversation"
                buffer.use_head(filler, need, spec)
                return _make_sample(row, filler, text, check.token_ids, spec)
            reason = check.fault if check.fault != "too short" else reason
    return reason


def _propose_cuts(filler: RenderedConversation, need: int, spec: RowSpec) -> Iterator[int]:
    """Yield character offsets to cut a filler at, the tightest first, none twice."""
    # The whole opening may do; but an empty filler would leave a span of nothing.
    first = max(0, need - len(filler.bos_ids) - 1)
    ends = _find_ends(filler.text, first + _LAST_RESORT, spec)
    yield from dict.fromkeys(ends[first : first + _LAST_RESORT])


def _find_ends(text: str, tokens: int, spec: RowSpec) -> list[int]:
    """Return where the first tokens of a text end, at least so many if it has them."""
    # Where a beginning is cut its last tokens are others than in the whole text.
    tokens += _LAST_RESORT
    length = tokens * _CHARACTERS_PER_TOKEN
    while True:
        ends = spec.tokenizer.encode_with_ends(text[:length], parse_special=True).ends
        if length >= len(text) or len(ends) >= tokens:
            return ends
        length *= 2


def _make_sample(
    row: _WholeConversations, filler: RenderedConversation, text: str, ids: tuple[int, ...], spec: RowSpec
) -> Sample:
    start = len(row.token_ids) + len(filler.bos_ids)
    visible = min(len(ids), spec.text_budget)
    begun = [turn for turn in filler.turns if start + turn.start < visible]
    complete = [turn for turn in begun if start + turn.end <= spec.text_budget]
    head = Span(
        document=filler.id,
        start=len(row.text) + len(filler.bos_text),
        end=len(text),
        whole=False,
        filler=True,
    )
    return Sample(
        text=text,
        token_ids=ids,
        source=spec.source,
        documents=(*row.spans, head),
        turns=row.turns + len(begun),
        complete_turns=row.turns + len(complete),
        filler_tokens=max(0, visible - start),
    )
