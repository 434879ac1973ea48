"""Admission of records to a build: counted, cleaned, each id taken once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from calibset.core.documents import Conversation, Filtered, Item, Record, Rejection
from calibset.core.text import replace_surrogates
from calibset.hygiene.cleaner import Cleaner
from calibset.hygiene.examination import Examination
from calibset.hygiene.stats import ReadStats, RepairCounts, count_characters
from calibset.storage.text_lines import MAX_RECORD_BYTES

# Made once: a union that stands where it is asked for is made anew for each of millions of records.
_LEFT_OUT = (Rejection, Filtered)


class ExaminedRecord(NamedTuple):
    """A record, and what was found about it ahead; None if it is still to be examined."""

    record: Record
    examination: Examination | None = None


def admit(records: Iterable[ExaminedRecord], stats: ReadStats, cleaner: Cleaner) -> Iterator[Item]:
    """Yield the documents and conversations that may be packed.

    Of records with the same id the first is taken. A record of more than 16 MiB is rejected, whatever
    format it was read from.

    Args:
        records: The records that a source yields.
        stats: Counts what happens to the records.
        cleaner: Repairs and filters them, and makes their texts safe.
    """
    ids: set[str] = set()
    for record, examination in records:
        stats.records += 1
        if stats.item_repairs:
            stats.item_repairs = RepairCounts()
        checked = _check(record, ids)
        outcome = checked if isinstance(checked, _LEFT_OUT) else cleaner.clean(checked, examination)
        if isinstance(outcome, _LEFT_OUT):
            stats.left_out.add(outcome)
            continue
        if isinstance(outcome, Conversation):
            stats.item_repairs.conversations.update(outcome.repairs)
            stats.item_repairs.losses.update(outcome.losses)
            stats.item_repairs.incomplete += bool(outcome.losses)
        stats.item_repairs.absent_columns.update(outcome.absent_columns)
        stats.gives = stats.gives or ("conversations" if isinstance(outcome, Conversation) else "texts")
        stats.count_admitted(count_characters(outcome))
        yield outcome


def name_safely(record: Record) -> Record:
    """Return a record whose id a manifest can hold: without lone surrogates."""
    if isinstance(record, _LEFT_OUT) or (name := replace_surrogates(record.id)) == record.id:
        return record
    return replace(record, id=name)


def is_too_long(item: Item) -> bool:
    """Return whether a record is rejected for its length, whatever it says."""
    return count_characters(item) > MAX_RECORD_BYTES


def _check(record: Record, ids: set[str]) -> Record:
    """Return a record under a safe id, which is added to the ids, or why it is left out."""
    record = name_safely(record)
    if isinstance(record, _LEFT_OUT):
        return record
    if record.id in ids:
        return Filtered(position=record.id, reason="id seen before")
    ids.add(record.id)
    return Rejection(position=record.id, reason="record too long") if is_too_long(record) else record
