"""The counts of a source's records while it is read, and the records that were left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar

from calibset.core.documents import Conversation, Document, Filtered, Kind, Rejection
from calibset.core.text import replace_surrogates
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate

T = TypeVar("T")

_MOST_LISTED = 100_000
_MOST_REASONS = 30
_OTHERS = "other reasons"


@dataclass(slots=True)
class LeftOut:
    """Records that were rejected or filtered.

    Attributes:
        rejections: How many were rejected, by reason.
        filtered: How many were filtered, by reason.
        examples: For each reason, the position of the first record that it applies to.
        rejected_records: The rejected records themselves, those met before packing first; the first 100,000
            of each.
        filtered_records: The filtered ones, likewise.
    """

    rejections: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rejected_records: list[Rejection] = field(default_factory=list, repr=False)
    filtered_records: list[Filtered] = field(default_factory=list, repr=False)

    def add(self, record: Rejection | Filtered) -> None:
        """Count a record and list it; of rejections, reasons beyond the first 30 are counted together."""
        reason = replace_surrogates(record.reason)
        # A chat template may quote the record that it refuses.
        if (
            isinstance(record, Rejection)
            and reason not in self.rejections
            and len(self.rejections) >= _MOST_REASONS
        ):
            reason = _OTHERS
        self.examples.setdefault(reason, replace_surrogates(record.position))
        if isinstance(record, Rejection):
            self.rejections[reason] += 1
            _list(record, self.rejected_records)
        else:
            self.filtered[reason] += 1
            _list(record, self.filtered_records)

    def __add__(self, other: LeftOut) -> LeftOut:
        """Return the records of both together."""
        return LeftOut(
            rejections=self.rejections + other.rejections,
            filtered=self.filtered + other.filtered,
            examples={**other.examples, **self.examples},
            rejected_records=[*self.rejected_records, *other.rejected_records],
            filtered_records=[*self.filtered_records, *other.filtered_records],
        )

    def rejected_share(self, records: int) -> float:
        """Return the share of so many records that were rejected, 0 to 1."""
        return self.rejections.total() / records if records else 0.0

    def rejected_only(self) -> LeftOut:
        """Return the rejected records alone, without the filtered ones."""
        return LeftOut(
            rejections=self.rejections, examples=self.examples, rejected_records=self.rejected_records
        )

    def copy(self) -> LeftOut:
        """Return an independent copy."""
        return self + LeftOut()

    def describe(self, most: int = 3) -> str:
        """Return the commonest reasons with their counts; empty if nothing was left out.

        Examples:
            >>> left_out = LeftOut()
            >>> left_out.add(Filtered(position="a.txt", reason="id seen before"))
            >>> left_out.describe()
            '1 filtered: id seen before'
        """
        counts = [(count, "rejected", reason) for reason, count in self.rejections.items()]
        counts += [(count, "filtered", reason) for reason, count in self.filtered.items()]
        # Of equally many the rejected come first: they are faults, and filtered records are not.
        ordered = sorted(counts, key=lambda entry: (-entry[0], entry[1] != "rejected", entry[2]))
        return ", ".join(f"{count:,} {kind}: {reason}" for count, kind, reason in ordered[:most])


@dataclass(slots=True)
class RepairCounts:
    """How often documents and conversations were changed, by the kind of change.

    Attributes:
        repaired: Documents that a repair changed, by the repair's name.
        masked: Pieces of personal data replaced by made-up data, by kind.
        boilerplate: Lines removed because earlier documents hold them.
        control_tokens: Spellings of control tokens that were broken apart.
        leading_bos: BOS that opened texts and were taken off, because the quantizer's tokenizer adds one.
        doubled_bos: Texts that had more than one.
        rendered: Texts that look as if a chat template had rendered them, by what shows it.
        shortened: Documents in which a run of white space was shortened.
        cut_conversations: Conversations that lost their end to fit into a row.
        conversations: Conversations whose row was repaired before it could be read as one, or of which the
            chat format left something out, by the reason; one may count for several.
        losses: Those that lost turns, calls or words by this, by the reason.
        incomplete: How many conversations these are.
        dropped_thoughts: Assistant turns whose reasoning the model does not read.
        empty_thoughts: Thoughts without words that the chat template wrote.
        unreasoned: Conversations of whose reasoning the model reads nothing.
        absent_columns: Documents and conversations whose row lacks a column that the recipe names, by column.
    """

    repaired: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    boilerplate: int = 0
    control_tokens: int = 0
    leading_bos: int = 0
    doubled_bos: int = 0
    rendered: Counter[str] = field(default_factory=Counter)
    shortened: int = 0
    cut_conversations: int = 0
    conversations: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    incomplete: int = 0
    dropped_thoughts: int = 0
    empty_thoughts: int = 0
    unreasoned: int = 0
    absent_columns: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return any(_list_counts(self))

    def add(self, other: RepairCounts) -> None:
        """Add the counts of other documents."""
        for name, others in other._changes():
            setattr(self, name, getattr(self, name) + others)

    def subtract(self, other: RepairCounts) -> None:
        """Take back the counts of documents that were added."""
        for name, others in other._changes():
            setattr(self, name, getattr(self, name) - others)

    def _changes(self) -> Iterator[tuple[str, Any]]:
        for name in _REPAIR_COUNTS:
            if count := getattr(self, name):
                yield name, count


_REPAIR_COUNTS = tuple(entry.name for entry in fields(RepairCounts))
_list_counts = attrgetter(*_REPAIR_COUNTS)


@dataclass(slots=True)
class ReadStats:
    """The counts so far of a source's records, which are read once for all files of a build.

    Attributes:
        records: Records read, whatever became of them.
        gives: Whether they are texts or conversations; None before the first.
        documents: Documents and conversations that were admitted and can be packed.
        lengths: For each power of two, how many of them have that many characters or more, but fewer
            than the next power.
        repairs: The changes made in them.
        item_repairs: The changes made in the item that is being read, which count once it is admitted.
        left_out: The records that were rejected or filtered before packing.
        duplicates: Documents that repeat an earlier one.
        contaminated: The matches between documents and evaluation sets.
        renamed_tools: By conversation, pairs of a tool's name for the model and its name in the corpus,
            where they differ.
        titles: The titles of documents, if the recipe makes must-cover terms of them.
        notes: Findings of the chat template's checks that users of the rows should know.
    """

    records: int = 0
    gives: Kind | None = None
    documents: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    repairs: RepairCounts = field(default_factory=RepairCounts)
    item_repairs: RepairCounts = field(default_factory=RepairCounts, compare=False)
    left_out: LeftOut = field(default_factory=LeftOut)
    duplicates: list[Duplicate] = field(default_factory=list, repr=False)
    contaminated: list[Contamination] = field(default_factory=list, repr=False)
    renamed_tools: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict, repr=False)
    titles: list[str] = field(default_factory=list, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def rejected_share(self) -> float:
        """The share of the records that were rejected, 0 to 1."""
        return self.left_out.rejected_share(self.records)

    def count_admitted(self, length: int) -> None:
        """Count the item that is being read as admitted: a document of ``length`` characters."""
        self.documents += 1
        self.lengths[_round_length(length)] += 1
        self.repairs.add(self.item_repairs)

    def take_back(self, length: int) -> None:
        """Count the item that was admitted last no longer, nor what was changed in it."""
        self.documents -= 1
        self.lengths[_round_length(length)] -= 1
        self.repairs.subtract(self.item_repairs)

    def snapshot(self) -> ReadStats:
        """Return a copy that does not change when more is read."""
        repairs = RepairCounts()
        repairs.add(self.repairs)
        return ReadStats(
            records=self.records,
            gives=self.gives,
            documents=self.documents,
            lengths=copy(self.lengths),
            repairs=repairs,
            left_out=self.left_out.copy(),
            duplicates=copy(self.duplicates),
            contaminated=copy(self.contaminated),
            renamed_tools=copy(self.renamed_tools),
            titles=copy(self.titles),
            notes=self.notes,
        )


def list_commonest(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return the commonest reasons with their counts, the highest first, and the sum of all others.

    Examples:
        >>> list_commonest({"no answer": 3, "not quite JSON": 1, "extra brace": 1}, 1)
        {'no answer': 3, 'other reasons': 2}
    """
    # A manifest's counts may have been summed before.
    named = [(reason, count) for reason, count in counts.items() if reason != _OTHERS]
    ordered = sorted(named, key=lambda item: (-item[1], item[0]))
    others = counts.get(_OTHERS, 0) + sum(count for _, count in ordered[most:])
    return dict(ordered[:most]) | ({_OTHERS: others} if others else {})


def count_characters(record: Document | Conversation) -> int:
    """Count the characters of a document or conversation that a model could see."""
    if isinstance(record, Document):
        return len(record.text)
    turns = sum(
        len(message.content)
        + len(message.reasoning)
        + sum(len(call.arguments) for call in message.tool_calls)
        for message in record.messages
    )
    return turns + sum(len(tool.description) + len(tool.parameters) for tool in record.tools)


def _round_length(length: int) -> int:
    """Return the largest power of two that is not above a length."""
    return 1 << max(0, length.bit_length() - 1)


def _list(record: T, records: list[T]) -> None:
    if len(records) < _MOST_LISTED:
        records.append(record)
