"""Records on their way in: counted, cleaned of what breaks tokenizers, control tokens disarmed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from calibset.chat.template import Change, with_texts
from calibset.document import Conversation, Document, Record, Rejection, SetAside
from calibset.hygiene.contamination import Match
from calibset.hygiene.duplicates import Duplicate
from calibset.storage.files import LONGEST_RECORD
from calibset.tokenizers.base import scalar_text
from calibset.tokenizers.control_tokens import ControlTokens

T = TypeVar("T")

__all__ = ["Screen", "Tally", "intake"]

Screen = Callable[[Iterator[Document | Conversation]], Iterator[Document | Conversation]]
"""What lets some of the documents and conversations through, mended perhaps."""

_MOST_LISTED = 100_000
# A run of blanks or of empty lines says no more when it is longer, and a million of them
# breaks tiktoken's regular expression.
_LONGEST_RUN = 1_000
_LONG_RUN = re.compile(rf"(?<!\s)\s{{{_LONGEST_RUN + 1},}}")
# What a text of nothing else shows nobody: byte order marks, zero-width spaces and joiners.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060 \t\r\n"


@dataclass(slots=True)
class Tally:
    """What was met while a source was read.

    Attributes:
        records: What was met, whatever became of it.
        documents: Documents and conversations that came in.
        rejections: Records that could not be read or hold nothing, by reason.
        set_aside: Records left out on purpose, by reason.
        examples: For each reason the first place where it was met.
        rejected: The rejections themselves, in the order they were met, the first 100,000 of them.
        aside: What was set aside itself, in the same way.
        duplicates: By document set aside, the one before it that it repeats.
        contaminated: By document, what it shares with an evaluation set.
        repaired: Documents and conversations that a repair changed, by its name.
        masked: Personal data that made-up data stands in for, by kind.
        boilerplate: Lines taken out since earlier documents hold them.
        lengths: How many came in of so many characters: of each power of two the count of those from
            it up to the next.
        control_tokens: Spellings of control tokens that were broken apart.
        shortened: Documents and conversations in which a run of white space was shortened.
        cut_conversations: Conversations that lost their end to fit into a row.
        notes: What the template says of itself that whoever uses the rows should know.
        renamed: By conversation, the tools that the model knows by another name: that, and the
            corpus's own.
    """

    records: int = 0
    documents: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    duplicates: dict[str, Duplicate] = field(default_factory=dict)
    contaminated: dict[str, Match] = field(default_factory=dict)
    repaired: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    boilerplate: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    control_tokens: int = 0
    shortened: int = 0
    cut_conversations: int = 0
    notes: tuple[str, ...] = ()
    renamed: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    @property
    def rejected_share(self) -> float:
        """The part of the records that could not be read or hold nothing, 0 to 1."""
        return self.rejections.total() / self.records if self.records else 0.0

    def came_in(self, item: Document | Conversation, count: int = 1) -> None:
        """Count an item that can be packed; with -1 take it back."""
        self.documents += count
        self.lengths[1 << max(0, _length(item).bit_length() - 1)] += count

    def left_out(self, most: int = 3) -> str:
        """Return what came to nothing, the commonest reasons first; empty if nothing did."""
        counts = [(count, "rejected", reason) for reason, count in self.rejections.items()]
        counts += [(count, "set aside", reason) for reason, count in self.set_aside.items()]
        ordered = sorted(counts, key=lambda entry: (-entry[0], *entry[1:]))
        return ", ".join(f"{count:,} {kind}: {reason}" for count, kind, reason in ordered[:most])

    def note(self, record: Rejection | SetAside) -> None:
        """Count a record that does not come in."""
        counts = self.rejections if isinstance(record, Rejection) else self.set_aside
        reason = scalar_text(record.reason)
        counts[reason] += 1
        self.examples.setdefault(reason, scalar_text(record.place))
        if isinstance(record, Rejection):
            _listed(record, self.rejected)
        else:
            _listed(record, self.aside)


def _listed(record: T, records: list[T]) -> None:
    if len(records) < _MOST_LISTED:
        records.append(record)


def intake(
    records: Iterable[Record], tally: Tally, disarm: ControlTokens | None, screen: Screen = iter
) -> Iterator[Document | Conversation]:
    """Yield the documents and conversations that may be packed.

    Lone surrogates, in ids too, become U+FFFD, runs of more than 1,000 white-space characters are
    shortened, control tokens in texts are broken apart, and of records with one id the first
    is taken. A record of more than 16 MiB is rejected, whatever form it was read from.

    Args:
        records: What a source yields.
        tally: Is told of everything that happens.
        disarm: The control tokens to break apart; None leaves them.
        screen: What mends them, and keeps some out, before they are cleaned.
    """
    for record in screen(_admitted(records, tally)):
        cleaned = _cleaned(record, tally, disarm)
        if cleaned is None:
            tally.note(Rejection(place=record.id, reason="empty text"))
            continue
        tally.came_in(cleaned)
        yield cleaned


def _admitted(records: Iterable[Record], tally: Tally) -> Iterator[Document | Conversation]:
    seen: set[str] = set()
    for record in records:
        tally.records += 1
        if isinstance(record, Rejection | SetAside):
            tally.note(record)
            continue
        if (name := scalar_text(record.id)) != record.id:
            record = replace(record, id=name)  # noqa: PLW2901  (a manifest could not hold the other)
        if record.id in seen:
            tally.note(SetAside(place=record.id, reason="id seen before"))
            continue
        seen.add(record.id)
        if _length(record) > LONGEST_RECORD:
            tally.note(Rejection(place=record.id, reason="record too long"))
            continue
        yield record


def _length(record: Document | Conversation) -> int:
    if isinstance(record, Document):
        return len(record.text)
    turns = sum(
        len(message.content) + sum(len(call.arguments) for call in message.tool_calls)
        for message in record.messages
    )
    return turns + sum(len(tool.description) + len(tool.parameters) for tool in record.tools)


def _cleaned(
    record: Document | Conversation, tally: Tally, disarm: ControlTokens | None
) -> Document | Conversation | None:
    shortened = False

    def change(text: str) -> str:
        nonlocal shortened
        cleaned = _shortened(scalar_text(text))
        shortened = shortened or len(cleaned) < len(text)
        if disarm is None or not (found := disarm.count(cleaned)):
            return cleaned
        tally.control_tokens += found
        return disarm.neutralised(cleaned)

    changed: Document | Conversation | None
    if isinstance(record, Conversation):
        changed = with_texts(record, Change(text=change, may_change=partial(_may_be_cleaned, disarm)))
    else:
        text = change(record.text).strip()
        changed = replace(record, text=text) if text.strip(_INVISIBLE) else None
    tally.shortened += shortened
    return changed


def _may_be_cleaned(disarm: ControlTokens | None, text: str) -> bool:
    return bool(disarm and disarm.pattern.search(text)) or len(_shortened(text)) < len(text)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_RUN:
        return text
    # Both ends of a run, so that the lines before and behind it stay apart.
    half = _LONGEST_RUN // 2
    return _LONG_RUN.sub(lambda match: match.group()[:half] + match.group()[-half:], text)
