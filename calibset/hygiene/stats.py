"""What was met while a source was read, and what was changed in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from calibset.core.documents import Conversation, Document, Filtered, Rejection
from calibset.core.text import replace_surrogates
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate

T = TypeVar("T")

_MOST_LISTED = 100_000


@dataclass(slots=True)
class RepairCounts:
    """What was changed in documents and conversations.

    Attributes:
        repaired: Those that a repair changed, by its name.
        masked: Personal data that made-up data stands in for, by kind.
        boilerplate: Lines taken out since earlier documents hold them.
        control_tokens: Spellings of control tokens that were broken apart.
        shortened: Those in which a run of white space was shortened.
        cut_conversations: Conversations that lost their end to fit into a row.
    """

    repaired: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    boilerplate: int = 0
    control_tokens: int = 0
    shortened: int = 0
    cut_conversations: int = 0

    def add(self, other: RepairCounts) -> None:
        """Count what was changed in others besides."""
        self.repaired.update(other.repaired)
        self.masked.update(other.masked)
        self.boilerplate += other.boilerplate
        self.control_tokens += other.control_tokens
        self.shortened += other.shortened
        self.cut_conversations += other.cut_conversations


@dataclass(slots=True)
class SourceStats:
    """What was met while a source was read.

    Attributes:
        records: What was met, whatever became of it.
        documents: Documents and conversations that came in.
        lengths: How many came in of so many characters: of each power of two the count of those from
            it up to the next.
        mended: What was changed in them.
        rejections: Records that could not be read or hold nothing, by reason.
        set_aside: Records left out on purpose, by reason.
        examples: For each reason the first place where it was met.
        rejected: The rejections themselves, in the order they were met, the first 100,000 of them.
        aside: What was filtered itself, in the same way.
        duplicates: Documents that repeat one before them.
        contaminated: What documents share with evaluation sets.
        renamed: By conversation, the tools that the model knows by another name: that, and the
            corpus's own.
        notes: What the template says of itself that whoever uses the rows should know.
    """

    records: int = 0
    documents: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    mended: RepairCounts = field(default_factory=RepairCounts)
    rejections: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    aside: list[Filtered] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    contaminated: list[Contamination] = field(default_factory=list)
    renamed: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rejected_share(self) -> float:
        """The part of the records that could not be read or hold nothing, 0 to 1."""
        return self.rejections.total() / self.records if self.records else 0.0

    def count_admitted(self, length: int, count: int = 1) -> None:
        """Count an item of so many characters that can be packed; with -1 take it back."""
        self.documents += count
        self.lengths[1 << max(0, length.bit_length() - 1)] += count

    def note(self, record: Rejection | Filtered) -> None:
        """Count a record that does not come in."""
        counts = self.rejections if isinstance(record, Rejection) else self.filtered
        reason = replace_surrogates(record.reason)
        counts[reason] += 1
        self.examples.setdefault(reason, replace_surrogates(record.position))
        if isinstance(record, Rejection):
            _listed(record, self.rejected)
        else:
            _listed(record, self.aside)

    def left_out(self, most: int = 3) -> str:
        """Return what came to nothing, the commonest reasons first; empty if nothing did."""
        counts = [(count, "rejected", reason) for reason, count in self.rejections.items()]
        counts += [(count, "filtered", reason) for reason, count in self.filtered.items()]
        ordered = sorted(counts, key=lambda entry: (-entry[0], *entry[1:]))
        return ", ".join(f"{count:,} {kind}: {reason}" for count, kind, reason in ordered[:most])


def _listed(record: T, records: list[T]) -> None:
    if len(records) < _MOST_LISTED:
        records.append(record)


def length(record: Document | Conversation) -> int:
    """Return how many characters a model could see of a document or conversation."""
    if isinstance(record, Document):
        return len(record.text)
    turns = sum(
        len(message.content) + sum(len(call.arguments) for call in message.tool_calls)
        for message in record.messages
    )
    return turns + sum(len(tool.description) + len(tool.parameters) for tool in record.tools)
